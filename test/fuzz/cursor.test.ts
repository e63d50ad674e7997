import fc from "fast-check";
import { assert, it } from "vitest";
import {
  CURSOR_EXPECTED,
  decodeCursor,
  encodeCursor,
  isCursor,
  type CursorFilters,
} from "../../lib/trades/cursor.ts";
import { corpusOf, fuzz, FUZZ_TIMEOUT_MS, FUZZED, mutated } from "../support/fuzz.ts";
import { tradeRun } from "../support/trades.ts";
import { timeOf, tradeSortKey } from "../../lib/trades/keys.ts";

const [START, END] = ["1610064000000000", "1610150400000000"];
const FILTERS: readonly CursorFilters[] = [
  {},
  { symbol: "BTCUSDT" },
  { symbol: "BTCUSDT", startTime: START },
  { symbol: "BTCUSDT", exchange: "BINANCE", startTime: START, endTime: END },
];
const POSITIONS = [
  ...tradeRun({ symbol: "BTCUSDT", count: 20 }).map((trade) =>
    tradeSortKey({ ...trade, time: timeOf(trade) }),
  ),
  START,
  `${END}~`,
  "1610064000278999~",
];

const FAULT = /^(?:expected a next_cursor|belongs to other|lies outside) /;

const made = corpusOf(fc.tuple(fc.constantFrom(...FILTERS), fc.constantFrom(...POSITIONS))).map(
  ([filters, position]) => encodeCursor(filters, position),
);
/** What a cursor holds, with faults, in the form of a cursor. */
const contents = mutated(
  made.map((cursor) => Buffer.from(cursor, "base64url")),
  ["[", "]", "1", ",", '"', "\\", "#", "~", "null", '["x"]', "1e0", " ", "\u0000", "ÿ", "{", "}"],
).map((bytes) => bytes.toString("base64url"));
/** Cursors with faults, as text. */
const texts = mutated(
  made.map((cursor) => Buffer.from(cursor)),
  ["A", "=", "_", "-", "+", "/", " ", "\n", "%", "\u0000", "AAAA"],
).map((bytes) => bytes.toString("latin1"));
/** What someone writes who knows how they are made. */
const forged = fc
  .tuple(fc.constantFrom(...made), fc.anything(), fc.integer({ min: -1, max: 4 }))
  .map(([cursor, value, place]) => {
    const parts = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    const content = JSON.stringify(place < 0 ? value : parts.with(place % 3, value), replaceBigInt);
    return Buffer.from(content ?? "").toString("base64url");
  });

const inputs = fc.record({
  text: fc.oneof(
    { arbitrary: contents, weight: 3 },
    { arbitrary: texts, weight: 2 },
    { arbitrary: forged, weight: 2 },
    { arbitrary: fc.constantFrom(...made), weight: 2 },
  ),
  filters: fc.constantFrom(...FILTERS),
});

it(
  `any text is the cursor that encodeCursor makes of its filters and position, or refused (${FUZZED})`,
  async () => {
    await fuzz({
      inputs,
      isRead: ({ text, filters }) => {
        const { position, fault } = decodeCursor(filters, text);
        assert.equal(fault === CURSOR_EXPECTED, !isCursor(text));
        if (position !== undefined) assert.equal(encodeCursor(filters, position), text);
        else assert(FAULT.test(fault), fault);
        return position !== undefined;
      },
    });
  },
  FUZZ_TIMEOUT_MS,
);

function replaceBigInt(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
