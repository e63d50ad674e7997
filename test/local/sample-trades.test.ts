import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dayBefore, makeSampleTrades, type SampleOptions } from "../../local/sample-trades.ts";
import type { Trade } from "../../lib/trades/trade.ts";

const date = "2026-11-21";
const day = makeSampleTrades({ date });
const bySymbol = Map.groupBy(day, (trade) => trade.symbol);

function countOf<Key>(items: readonly Trade[], key: (trade: Trade) => Key): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

describe("sample trades", () => {
  it("are the same for the same seed and day, and others for another", () => {
    const make = (options: Partial<SampleOptions>) =>
      JSON.stringify(makeSampleTrades({ date, count: 1_000, ...options }));
    expect(make({ seed: 1 })).toBe(make({}));
    expect(make({ seed: 2 })).not.toBe(make({}));
    expect(make({ date: "2026-11-20" })).not.toBe(make({}));
  });

  it("are about 20,000, of crypto and equities", () => {
    expect(day).toHaveLength(20_000);
    expect(bySymbol.size).toBe(8);
    expect(new Set(day.map((trade) => trade.asset_class))).toEqual(new Set(["CRYPTO", "EQUITY"]));
  });

  it("are each identified by exchange, symbol and id, on any two days", () => {
    const both = [date, "2026-11-22"].flatMap((any) =>
      makeSampleTrades({ date: any, count: 2_000 }),
    );
    const ids = new Set(both.map((trade) => `${trade.exchange} ${trade.symbol} ${trade.trade_id}`));
    expect(ids.size).toBe(both.length);
  });

  it("are of that day in UTC, in order, ties in the order of their ids", () => {
    const wrong = [...bySymbol.values()].flatMap((trades) =>
      trades.filter((trade, at) => {
        const before = trades[at - 1] ?? trade;
        return (
          trade.timestamp.slice(0, 10) !== date ||
          before.timestamp > trade.timestamp ||
          (at > 0 && BigInt(before.trade_id) + 1n !== BigInt(trade.trade_id))
        );
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("share moments, as real ones do: between a third and two thirds of each symbol's", () => {
    for (const trades of bySymbol.values()) {
      const moments = countOf(trades, (trade) => trade.timestamp);
      const sharing = trades.filter((trade) => (moments.get(trade.timestamp) ?? 0) > 1).length;
      expect(sharing / trades.length).toBeGreaterThan(1 / 3);
      expect(sharing / trades.length).toBeLessThan(2 / 3);
    }
  });

  it("are taken in milliseconds after they were made", () => {
    const wrong = day.filter(({ timestamp, ingestion_timestamp: taken }) => {
      const delayMs = Date.parse(taken) - Date.parse(timestamp);
      return taken <= timestamp || delayMs > 100;
    });
    expect(wrong).toEqual([]);
  });

  it("move in small steps, and stay near where they began", () => {
    for (const trades of bySymbol.values()) {
      const prices = trades.map((trade) => Number(trade.price));
      const [first = 0] = prices;
      const steps = prices.map((price, at) => Math.abs(price / (prices[at - 1] ?? price) - 1));
      expect(Math.max(...steps)).toBeLessThan(0.02);
      expect(Math.max(...prices.map((price) => Math.abs(price / first - 1)))).toBeLessThan(0.3);
    }
  });

  it("hold for any day, seed and number", () => {
    const any = fc.record({
      date: fc
        .date({ min: new Date("2002-01-01"), max: new Date("2200-01-01"), noInvalidDate: true })
        .map((moment) => moment.toISOString().slice(0, 10)),
      seed: fc.integer(),
      count: fc.integer({ min: 10, max: 300 }),
    });
    fc.assert(
      fc.property(any, (options) => {
        const trades = makeSampleTrades(options);
        expect(Math.abs(trades.length - options.count)).toBeLessThanOrEqual(8);
        expect(new Set(trades.map((trade) => trade.timestamp.slice(0, 10)))).toEqual(
          new Set([options.date]),
        );
      }),
      { numRuns: 30 },
    );
  });

  it("are dated the day before, in UTC", () => {
    expect(dayBefore(new Date("2026-03-01T00:00:00Z"))).toBe("2026-02-28");
    expect(dayBefore(new Date("2026-01-01T23:59:59Z"))).toBe("2025-12-31");
  });
});
