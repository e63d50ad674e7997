import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CursorFilters, decodeCursor, encodeCursor } from "../../lib/trades/cursor.ts";
import { timeOf, tradeSortKey } from "../../lib/trades/keys.ts";
import { trades } from "../support/trades.ts";

const START = "1610064000000000";
const END = "1610150400000000";
const POSITION = "1610064000278000#BINANCE#BTCUSDT#00000000000553287559";
const FILTERS: CursorFilters = { symbol: "BTCUSDT", startTime: START, endTime: END };

describe("a cursor", () => {
  it("says where a page ended", () => {
    fc.assert(
      fc.property(trades(), (trade) => {
        const position = tradeSortKey({ ...trade, time: timeOf(trade) });
        expect(decodeCursor({}, encodeCursor({}, position))).toEqual({ position });
      }),
    );
  });

  it.each([POSITION, "1610064000278000", "1610064000278999~", END])(
    "may stand at %s",
    (position) => {
      expect(decodeCursor(FILTERS, encodeCursor(FILTERS, position))).toEqual({ position });
    },
  );

  it("holds nothing that a URL would have to escape", () => {
    expect(encodeCursor(FILTERS, POSITION)).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it.each<[string, CursorFilters]>([
    ["another symbol", { ...FILTERS, symbol: "ETHUSDT" }],
    ["no symbol", { startTime: START, endTime: END }],
    ["an exchange more", { ...FILTERS, exchange: "BINANCE" }],
    ["another start", { ...FILTERS, startTime: "1610064000000001" }],
    ["another end", { ...FILTERS, endTime: "1610150400000001" }],
  ])("does not fit %s", (_, filters) => {
    const { fault } = decodeCursor(filters, encodeCursor(FILTERS, POSITION));
    expect(fault).toMatch(/belongs to other/);
  });

  it.each([
    ["before the start", "1610063999999999#BINANCE#BTCUSDT#00000000000000000001"],
    ["after the end", "1610150400000000#BINANCE#BTCUSDT#00000000000000000001"],
  ])("that was made up to stand %s is refused", (_, position) => {
    expect(decodeCursor(FILTERS, encodeCursor(FILTERS, position)).fault).toMatch(/outside/);
  });
});

describe("no cursor", () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const good = encodeCursor({}, POSITION);
  const [, fingerprint] = JSON.parse(Buffer.from(good, "base64url").toString()) as string[];

  it.each([
    ["nothing", ""],
    ["text", "hello"],
    ["a cursor cut short", good.slice(0, -3)],
    ["a cursor with more behind it", `${good}AAAA`],
    ["a cursor with padding", `${good}==`],
    ["another version", encode([2, fingerprint, POSITION])],
    ["an object", encode({ v: 1, p: POSITION })],
    ["a sort key of something else", encode([1, fingerprint, "20210108"])],
    ["a very long one", "A".repeat(100_000)],
  ])("is %s", (_, text) => {
    expect(decodeCursor({}, text).fault).toBe("expected a next_cursor of an earlier page");
  });

  it("is any text that was not made here", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect(decodeCursor({}, text).fault).toBeDefined();
      }),
    );
  });
});
