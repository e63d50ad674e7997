import * as fc from "fast-check";
import { expect, it } from "vitest";
import { messageIdOf } from "../../lib/trades/message-id.ts";
import { trades } from "../support/trades.ts";

it("stays what it has always been: stored trades rely on it", () => {
  const trade = { exchange: "BINANCE", symbol: "BTCUSDT", trade_id: "553287559" };
  // Python's uuid.uuid5 of the same namespace and name.
  expect(messageIdOf(trade)).toBe("7cb38ff3-97f3-5649-ba7d-e8b0a7698e2d");
});

it("is a UUID, the same for one identity and another for any other", () => {
  fc.assert(
    fc.property(trades(), trades(), (a, b) => {
      expect(messageIdOf(a)).toMatch(
        /^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      );
      const isSame =
        a.exchange === b.exchange && a.symbol === b.symbol && a.trade_id === b.trade_id;
      expect(messageIdOf(a) === messageIdOf(b)).toBe(isSame);
    }),
  );
});
