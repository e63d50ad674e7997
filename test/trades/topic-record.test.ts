import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTrade } from "../../lib/trades/parse-trade.ts";
import { encodeTrade } from "../../lib/trades/topic-record.ts";
import { tradeOf, trades } from "../support/trades.ts";

describe("encodeTrade", () => {
  it("has the symbol as key, the trade as JSON, and says by which schema, for which request", () => {
    const trade = tradeOf({ symbol: "BRK.B" });
    const { key, value, headers } = encodeTrade(trade, { correlationId: "abc" });
    expect(key).toBe("BRK.B");
    expect(JSON.parse(String(value))).toEqual(trade);
    expect(headers).toEqual({ "correlation-id": "abc", "schema-version": "1" });
  });

  it("is read back as the same trade, by what reads the API's trades", () => {
    fc.assert(
      fc.property(trades(), (trade) => {
        const { value } = encodeTrade(trade, { correlationId: "abc" });
        expect(parseTrade(JSON.parse(String(value)), { now: 1 })).toEqual({ trade });
      }),
    );
  });
});
