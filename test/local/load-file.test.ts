import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadFile, type LineFault } from "../../local/load-file.ts";
import { NOTHING_LOADED, type LoadState } from "../../local/load-state.ts";
import { openTradeFile } from "../../local/trade-file.ts";
import { parseBinanceLine } from "../../local/binance.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import { tempFolder } from "../support/temp-folder.ts";

const context = {
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  currency: "USDT",
  now: 1_610_064_000_000_000,
};
const parse = (line: string, lineNumber: number) => parseBinanceLine(line, lineNumber, context);

const LINES = 5_500;
const BAD_LINES = [1_001, 3_000, 5_500];

function writeDay(): string {
  const lines = Array.from({ length: LINES }, (_, at) =>
    BAD_LINES.includes(at + 1) ? "oops" : `${at},2.5,1,2.5,${1_610_064_000_000 + at},True,True`,
  );
  const path = join(tempFolder(), "day.csv");
  writeFileSync(path, lines.join("\n"));
  return path;
}

/** A table in memory: enough to count what was new. */
function memoryTable() {
  const ids = new Set<string>();
  return {
    ids,
    record: async (trades: readonly Trade[]) => {
      const before = ids.size;
      for (const trade of trades) ids.add(trade.trade_id);
      const recorded = ids.size - before;
      return { recorded, duplicates: trades.length - recorded, conflicts: [], capacityUnits: 0 };
    },
  };
}

describe("loading a file", () => {
  it("records every trade once and tells each bad line by its number", async () => {
    const table = memoryTable();
    const faults: LineFault[] = [];
    const states: LoadState[] = [];
    const end = await loadFile({
      file: await openTradeFile(writeDay()),
      from: NOTHING_LOADED,
      parse,
      record: table.record,
      onChunk: (state, bad) => {
        states.push(state);
        faults.push(...bad);
      },
    });
    expect(table.ids.size).toBe(LINES - BAD_LINES.length);
    expect(end).toMatchObject({ recorded: LINES - 3, duplicates: 0, conflicts: 0, bad: 3 });
    expect(end.position.lines).toBe(LINES);
    expect(faults.map((fault) => fault.lineNumber)).toEqual(BAD_LINES);
    expect(states.length).toBeGreaterThan(2);
    expect(states.at(-1)).toEqual(end);
  });

  it("goes on from any chunk after a failure, with the same sums as in one go", async () => {
    const path = writeDay();
    const whole = await loadFile({
      file: await openTradeFile(path),
      from: NOTHING_LOADED,
      parse,
      record: memoryTable().record,
      onChunk: () => {},
    });
    for (const failingChunk of [1, 2, 3]) {
      const table = memoryTable();
      let kept = NOTHING_LOADED;
      let chunks = 0;
      const options = {
        file: await openTradeFile(path),
        parse,
        onChunk: (state: LoadState) => void (kept = state),
      };
      const record = async (trades: readonly Trade[]) => {
        chunks += 1;
        if (chunks === failingChunk) throw new Error("the database is gone");
        return table.record(trades);
      };
      await expect(loadFile({ ...options, from: kept, record })).rejects.toThrow("is gone");
      expect(await loadFile({ ...options, from: kept, record: table.record })).toEqual(whole);
    }
  });

  it("stops between two chunks at a signal, with what it has kept", async () => {
    const table = memoryTable();
    const stop = new AbortController();
    const end = await loadFile({
      file: await openTradeFile(writeDay()),
      from: NOTHING_LOADED,
      parse,
      record: table.record,
      onChunk: () => stop.abort(),
      signal: stop.signal,
    });
    expect(end.position.lines).toBeLessThan(LINES);
    expect(table.ids.size).toBe(end.recorded);
  });

  it("parses the next chunk while one is being recorded", async () => {
    let parsedLines = 0;
    const parsedWhileRecording: number[] = [];
    await loadFile({
      file: await openTradeFile(writeDay()),
      from: NOTHING_LOADED,
      parse: (line, lineNumber) => {
        parsedLines = lineNumber;
        return parse(line, lineNumber);
      },
      record: async (trades) => {
        const before = parsedLines;
        await new Promise((turn) => setTimeout(turn, 50));
        parsedWhileRecording.push(parsedLines - before);
        return { recorded: trades.length, duplicates: 0, conflicts: [], capacityUnits: 0 };
      },
      onChunk: () => {},
    });
    expect(parsedWhileRecording[0]).toBeGreaterThan(0);
  });
});
