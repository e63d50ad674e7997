import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  idBlockKey,
  isCounted,
  justBelow,
  parseTradeSortKey,
  placeInBlock,
  shardOf,
  symbolKey,
  SYMBOLS_PARTITIONS,
  timeOf,
  tradeSortKey,
} from "../../lib/trades/keys.ts";
import { tradeOf, trades } from "../support/trades.ts";

const sortKeyOf = (fields: object) => {
  const trade = tradeOf(fields);
  return tradeSortKey({ ...trade, time: timeOf(trade) });
};

describe("a trade's sort key", () => {
  it("says the trade's time and identity again", () => {
    fc.assert(
      fc.property(trades(), (trade) => {
        const { exchange, symbol, trade_id } = trade;
        const position = { time: timeOf(trade), exchange, symbol, trade_id };
        expect(parseTradeSortKey(tradeSortKey(position))).toEqual(position);
      }),
    );
  });

  it.each([
    "",
    "1610064000278000",
    "1610064000278000#BINANCE#BTCUSDT",
    "1610064000278000#BINANCE#BTCUSDT#1",
    "161006400027800#BINANCE#BTCUSDT#00000000000553287559",
    "1610064000278000#BINANCE#BTCUSDT#00000000000553287559#",
    "1610064000278000##BTCUSDT#00000000000553287559",
  ])("is never %j", (sk) => {
    expect(parseTradeSortKey(sk)).toBeUndefined();
  });

  it("orders ties of one exchange as it numbered them", () => {
    const number = fc.bigInt({ min: 0n, max: 10n ** 20n - 1n });
    fc.assert(
      fc.property(number, number, (a, b) => {
        const [keyA, keyB] = [a, b].map((id) => sortKeyOf({ trade_id: String(id) }));
        expect((keyA ?? "") < (keyB ?? "")).toBe(a < b);
      }),
    );
  });

  it("orders by time before anything else", () => {
    const older = sortKeyOf({ timestamp: "2021-01-08T00:00:00.278000Z", trade_id: "9" });
    const newer = sortKeyOf({ timestamp: "2021-01-08T00:00:00.278001Z", trade_id: "1" });
    expect(older < newer).toBe(true);
  });

  it.each([
    ["1", "01"],
    ["1", "~1"],
    ["0", "00"],
    ["99999999999999999999", "099999999999999999999"],
    ["a", "~a"],
    ["~~a", "~a"],
  ])("tells the ids %s and %s apart", (a, b) => {
    expect(sortKeyOf({ trade_id: a })).not.toBe(sortKeyOf({ trade_id: b }));
  });
});

describe("id blocks", () => {
  it.each([
    ["0", "0", 0],
    ["255", "0", 255],
    ["256", "1", 0],
    ["999999999999999", "3906249999999", 255],
    // A time in microseconds, a snowflake: no neighbours, so no block to share.
    ["1610064000278000", "~1610064000278000", 0],
    ["99999999999999999999", "~99999999999999999999", 0],
    ["100000000000000000000", "~100000000000000000000", 0],
    ["007", "~007", 0],
    ["a1b2", "~a1b2", 0],
  ])("keep id %s in block %s at %i", (trade_id, block, place) => {
    const key = idBlockKey({ exchange: "XNAS", symbol: "A/B", trade_id });
    expect(key).toEqual({ pk: `I#XNAS#A/B#${block}`, sk: "IDS" });
    expect(placeInBlock(trade_id)).toBe(place);
    expect(isCounted(trade_id)).toBe(!block.startsWith("~"));
  });

  it("are partitions of their own, so that the ids of a busy symbol are spread", () => {
    const keys = ["1", "1000", "a", "b"].map((trade_id) =>
      idBlockKey({ exchange: "XNAS", symbol: "A", trade_id }),
    );
    expect(new Set(keys.map(({ pk }) => pk)).size).toBe(keys.length);
  });

  it("give every identity a place of its own", () => {
    fc.assert(
      fc.property(trades(), trades(), (a, b) => {
        const places = [a, b].map((trade) => {
          const { pk, sk } = idBlockKey(trade);
          return [pk, sk, placeInBlock(trade.trade_id)].join(" ");
        });
        const isSame =
          a.exchange === b.exchange && a.symbol === b.symbol && a.trade_id === b.trade_id;
        expect(places[0] === places[1]).toBe(isSame);
      }),
    );
  });
});

it("spreads consecutive ids evenly over shards, always in the same way", () => {
  const counts = [0, 0, 0, 0, 0];
  for (let id = 553287559; id < 553288559; id++) {
    const shard = shardOf({ exchange: "BINANCE", symbol: "X", trade_id: String(id) }, 5);
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(150);
  expect(shardOf({ exchange: "BINANCE", symbol: "X", trade_id: "553287559" }, 5)).toBe(0);
});

it("keeps each symbol in one of the partitions that are listed", () => {
  fc.assert(
    fc.property(trades(), ({ symbol }) => {
      expect(SYMBOLS_PARTITIONS).toContain(symbolKey(symbol).pk);
    }),
  );
});

it("finds nothing between a sort key and what is just below it", () => {
  const keys = trades().map((trade) => tradeSortKey({ ...trade, time: timeOf(trade) }));
  fc.assert(
    fc.property(keys, keys, (a, b) => {
      expect(justBelow(a) < a).toBe(true);
      expect(b < a).toBe(b <= justBelow(a));
    }),
  );
  const neighbour = "1610064000278000#B#S#00000000000000000001";
  expect("1610064000278000#B#S#00000000000000000000" < justBelow(neighbour)).toBe(true);
});
