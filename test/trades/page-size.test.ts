import { describe, expect, it } from "vitest";
import { countThatFit } from "../../lib/trades/page-size.ts";
import { tradeOf } from "../support/trades.ts";

/** Lambda's limit on an answer. */
const LAMBDA_BYTES = 6 * 1024 * 1024;
/** As long as every field may be, of the characters that take most when JSON is put into JSON. */
const LARGEST = {
  ...tradeOf({
    trade_id: '"'.repeat(64),
    message_id: "\\".repeat(64),
    symbol: "S".repeat(32),
    exchange: "X".repeat(32),
    asset_class: "A".repeat(32),
    currency: "C".repeat(12),
    side: "SELL_SHORT",
    source_sequence: "9".repeat(20),
    price: "9999999999.99999999",
    quantity: "9999999999.99999999",
    trade_conditions: Array.from({ length: 16 }, () => "\u0001".repeat(32)),
    vendor_data: { a: '"'.repeat(1_000) },
  }),
  platform_sequence: "9".repeat(20),
};
const PLAIN = { ...tradeOf(), platform_sequence: "1" };

/** What Lambda answers with for a page of these, as API Gateway's proxy integration has it. */
const answerBytes = (trades: readonly object[]) =>
  Buffer.byteLength(JSON.stringify({ statusCode: 200, body: JSON.stringify({ trades }) }));

describe("a page", () => {
  it("of a thousand plain trades fits", () => {
    const trades = Array.from({ length: 1_000 }, () => PLAIN);
    expect(countThatFit(trades)).toBe(1_000);
  });

  it("of the largest trades holds as many as Lambda can answer with", () => {
    const trades = Array.from({ length: 1_000 }, () => LARGEST);
    expect(answerBytes(trades)).toBeGreaterThan(LAMBDA_BYTES);
    const count = countThatFit(trades);
    expect(answerBytes(trades.slice(0, count))).toBeLessThan(LAMBDA_BYTES);
    expect(count).toBeGreaterThan(500);
  });

  it("holds one trade, however large, and none of none", () => {
    expect(countThatFit([LARGEST])).toBe(1);
    expect(countThatFit([])).toBe(0);
  });
});
