import fc from "fast-check";
import { assert, it } from "vitest";
import { formatBinanceLine, parseBinanceLine } from "../../local/binance.ts";
import { MAX_LINE_LENGTH, readLines, type Line } from "../../local/lines.ts";
import { fuzz, FUZZ_TIMEOUT_MS, FUZZED, inChunks, mutated } from "../support/fuzz.ts";
import { tradeRun } from "../support/trades.ts";

const CONTEXT = {
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  currency: "USDT",
  now: 1_610_064_000_000_000,
};
const HEADER = "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match";
/** The column, unless it is the line as a whole, and what was expected there. */
const FAULT = /^(?:(?:id|price|qty|time|is_buyer_maker): )?expected [ -~\u00a0-\uffff]{5,1000}$/;

const lines = tradeRun({ symbol: "BTCUSDT", count: 40 }).map(formatBinanceLine);
const files = [
  ...lines.map((line, i) => [line, ...lines.slice(0, i % 3)].join("\n")),
  ...lines.slice(0, 8).map((line) => `${HEADER}\r\n${line}\r\n`),
  "1,2,3,6,1610064000278,true\n2,3.5,1,3.5,1610064000279,false\n",
].map((text) => Buffer.from(text));
const PIECES = [
  [",", "\n", "\r\n", "\r", '"', " ", "\t", "-", "+", ".", "e9", "NaN", "0", "1", "True", "False"],
  ["1610064000278", "1735689600010866", "99999999999", "0.00000001", "id", HEADER, "\u0000"],
  ["\u001b[31m", "ÿ", "ï»¿", ",".repeat(20), "9".repeat(300), "1".repeat(MAX_LINE_LENGTH)],
].flat();

const inputs = fc.record({
  bytes: mutated(files, PIECES),
  sizes: fc.array(fc.nat({ max: 90 }), { maxLength: 3 }),
});

it(
  `a file of any bytes, however it is cut, gives of each line a trade, its fault, or nothing (${FUZZED})`,
  async () => {
    await fuzz({
      inputs,
      isRead: async ({ bytes, sizes }) => {
        const read = (await Array.fromAsync(readLines(inChunks(bytes, sizes)))).flat();
        assert(read.every(({ number }, i) => number === i + 1));
        assert.equal(read.at(-1)?.end.bytes ?? 0, bytes.length);
        return read.map(isTrade).some(Boolean);
      },
    });
  },
  FUZZ_TIMEOUT_MS,
);

/** Checks what a line gives. @returns whether it is a trade. */
function isTrade({ text, number }: Line): boolean {
  assert(text.length <= MAX_LINE_LENGTH + 1);
  const { trade, fault } = parseBinanceLine(text, number, CONTEXT);
  if (fault !== undefined) {
    // It goes to a terminal: one line, and no colour codes.
    assert(FAULT.test(fault) && trade === undefined, fault);
    return false;
  }
  if (trade === undefined) {
    assert(number === 1 || text.trim() === "", text);
    return false;
  }
  assert.deepEqual(parseBinanceLine(formatBinanceLine(trade), 2, CONTEXT), { trade });
  return true;
}
