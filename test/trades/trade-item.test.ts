import * as fc from "fast-check";
import { expect, it } from "vitest";
import { fromTradeItem, termsOf, toTradeItem } from "../../lib/trades/trade-item.ts";
import { tradeOf, trades } from "../support/trades.ts";

const options = { platformSequence: 7, shards: 3, recentShards: 4, expiry: undefined };

it("gives back every trade as it was, and its place in the platform's order", () => {
  fc.assert(
    fc.property(trades(), (trade) => {
      const item = toTradeItem(trade, options);
      expect(fromTradeItem(item)).toEqual({ ...trade, platform_sequence: "7" });
      expect(trade).toMatchObject(termsOf(item));
    }),
  );
});

it("keeps a plain trade in few attributes", () => {
  expect(toTradeItem(tradeOf(), options)).toEqual({
    pk: { S: "T#BTCUSDT#20210108#0" },
    sk: { S: "1610064000278000#BINANCE#BTCUSDT#00000000000000000001" },
    gpk: { S: "R#20210108#2" },
    x: { S: "BINANCE" },
    a: { S: "CRYPTO" },
    p: { N: "39432.48000000" },
    q: { N: "0.00026300" },
    c: { S: "USDT" },
    s: { S: "BUY" },
    i: { N: "1763856000000000" },
    n: { N: "7" },
  });
});

it("keeps a message id that does not follow from the trade", () => {
  expect(toTradeItem(tradeOf({ message_id: "m-1" }), options)["m"]).toEqual({ S: "m-1" });
});

it("carries its expiry when it has one", () => {
  const item = toTradeItem(tradeOf(), { ...options, expiry: 1_700_000_000 });
  expect(item["ttl"]).toEqual({ N: "1700000000" });
});
