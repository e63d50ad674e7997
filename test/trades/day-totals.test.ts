import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DayTotals, foldDay, fromDayItem, toDayItem } from "../../lib/trades/day-totals.ts";
import { timeOf, tradeSortKey } from "../../lib/trades/keys.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import { tradeOf } from "../support/trades.ts";

const options = { shards: 1, expiry: undefined };

const units = fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }).map((value) => {
  const digits = String(value).padStart(9, "0");
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
});

/** Trades of one day, with different ids and many ties in time. */
const dayTrades = fc
  .array(fc.record({ millis: fc.nat(3), price: units, quantity: units }), { minLength: 1 })
  .map((rows) =>
    rows.map(({ millis, price, quantity }, index) =>
      tradeOf({
        trade_id: String(index),
        timestamp: `2021-01-08T00:00:00.00${millis}Z`,
        price,
        quantity,
      }),
    ),
  );

const toUnits = (decimal: string) => BigInt(decimal.replace(".", ""));
const skOf = (trade: Trade) => tradeSortKey({ ...trade, time: timeOf(trade) });

describe("a day's totals", () => {
  it("are those of its trades, exactly", () => {
    fc.assert(
      fc.property(dayTrades, (trades) => {
        const ordered = [...trades].sort((a, b) => (skOf(a) < skOf(b) ? -1 : 1));
        const prices = trades.map((trade) => toUnits(trade.price)).sort((a, b) => (a < b ? -1 : 1));
        const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);
        const totals = foldDay(undefined, trades, options);
        expect(totals.open.price).toBe(ordered.at(0)?.price);
        expect(totals.close.price).toBe(ordered.at(-1)?.price);
        expect(toUnits(totals.low)).toBe(prices.at(0));
        expect(toUnits(totals.high)).toBe(prices.at(-1));
        expect(unitsOf(totals.volume, 8)).toBe(sum(trades.map((t) => toUnits(t.quantity))));
        expect(unitsOf(totals.notional, 16)).toBe(
          sum(trades.map((t) => toUnits(t.quantity) * toUnits(t.price))),
        );
        expect(totals.count).toBe(trades.length);
      }),
    );
  });

  it("name the exchanges, and none once there are more than a hundred", () => {
    const on = (exchanges: readonly string[]) =>
      exchanges.map((exchange) => tradeOf({ exchange, trade_id: "1" }));
    const two = foldDay(foldDay(undefined, on(["XNAS"]), options), on(["XNYS", "XNAS"]), options);
    expect(two.exchanges).toEqual(["XNAS", "XNYS"]);
    const many = on(Array.from({ length: 101 }, (_, index) => `X${index}`));
    expect(foldDay(undefined, many.slice(1), options).exchanges).toHaveLength(100);
    const uncounted = foldDay(two, many, options);
    expect(uncounted.exchanges).toBeUndefined();
    expect(foldDay(uncounted, on(["XNAS"]), options).exchanges).toBeUndefined();
  });

  it("come out the same in whatever order and pieces the trades are folded", () => {
    const pieces = fc.tuple(
      dayTrades.chain((trades) => fc.shuffledSubarray(trades, { minLength: trades.length })),
      fc.nat(),
    );
    fc.assert(
      fc.property(pieces, ([trades, at]) => {
        const cut = at % trades.length;
        const whole = foldDay(undefined, trades, options);
        const first = cut === 0 ? undefined : foldDay(undefined, trades.slice(0, cut), options);
        expect(foldDay(first, trades.slice(cut), options)).toEqual(whole);
      }),
    );
  });

  it("come back from their item", () => {
    fc.assert(
      fc.property(dayTrades, fc.option(fc.nat(), { nil: undefined }), (trades, expiry) => {
        const totals = foldDay(undefined, trades, { shards: 3, expiry });
        const item = toDayItem(totals, { symbol: "BTCUSDT", day: "20210108", version: 4 });
        expect(item["v"]).toEqual({ N: "4" });
        expect(fromDayItem(item)).toEqual(totals);
      }),
    );
  });
});

describe("a day", () => {
  const trade = tradeOf();
  const fold = (before: DayTotals | undefined, shards: number, expiry: number | undefined) =>
    foldDay(before, [trade], { shards, expiry });

  it("keeps the shards it began with", () => {
    expect(fold(fold(undefined, 2, undefined), 5, undefined).shards).toBe(2);
  });

  it.each([
    [10, 20, 20],
    [20, 10, 20],
    [undefined, 20, undefined],
    [20, undefined, undefined],
  ])("that expires at %s and then gets trades that do at %s expires at %s", (a, b, expected) => {
    expect(fold(fold(undefined, 1, a), 1, b).expiry).toBe(expected);
  });
});

/** A decimal of any scale as whole units of 10^-scale. */
function unitsOf(decimal: string, scale: number): bigint {
  const [whole = "", fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(scale, "0"));
}
