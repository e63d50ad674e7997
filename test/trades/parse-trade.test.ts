import { toJsonSchema } from "@valibot/to-json-schema";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTrade } from "../../lib/trades/parse-trade.ts";
import { RecordedTrade, TradeInput } from "../../lib/trades/trade.ts";
import { tradeInputs } from "../support/trades.ts";

const NOW = 1_763_856_000_123_456;

const VALID = {
  trade_id: "553287559",
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  asset_class: "CRYPTO",
  timestamp: "2021-01-08T00:00:00.278Z",
  price: "39432.48",
  quantity: "0.000263",
  currency: "USDT",
};

function faultsOf(fields: Record<string, unknown>) {
  return parseTrade({ ...VALID, ...fields }, { now: NOW }).faults;
}

describe("a trade", () => {
  it("is brought into canonical form, with defaults for what is not there", () => {
    expect(parseTrade(VALID, { now: NOW }).trade).toEqual({
      message_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-/),
      trade_id: "553287559",
      symbol: "BTCUSDT",
      exchange: "BINANCE",
      asset_class: "CRYPTO",
      timestamp: "2021-01-08T00:00:00.278000Z",
      price: "39432.48000000",
      quantity: "0.00026300",
      currency: "USDT",
      side: "UNKNOWN",
      trade_conditions: [],
      ingestion_timestamp: "2025-11-23T00:00:00.123456Z",
      vendor_data: {},
    });
  });

  it("keeps everything it came with", () => {
    const given = {
      ...VALID,
      message_id: "m-1",
      side: "SELL_SHORT",
      trade_conditions: ["REGULAR", "Ä"],
      source_sequence: "18446744073709551615",
      ingestion_timestamp: "2021-01-08T01:00:00+01:00",
      vendor_data: { is_best_match: "true", empty: "" },
    };
    expect(parseTrade(given, { now: NOW }).trade).toMatchObject({
      message_id: "m-1",
      side: "SELL_SHORT",
      trade_conditions: ["REGULAR", "Ä"],
      source_sequence: "18446744073709551615",
      ingestion_timestamp: "2021-01-08T00:00:00.000000Z",
      vendor_data: { is_best_match: "true", empty: "" },
    });
  });

  it("in canonical form stays as it is", () => {
    fc.assert(
      fc.property(tradeInputs(), (input) => {
        const { trade } = parseTrade(input, { now: NOW });
        expect(trade).toBeDefined();
        expect(parseTrade(trade, { now: NOW + 1 }).trade).toEqual(trade);
      }),
    );
  });

  it("gets the same message id whenever and however it comes", () => {
    const later = { ...VALID, timestamp: "2021-01-08T00:00:01Z", price: "1" };
    const ids = [VALID, later].map((input) => parseTrade(input, { now: NOW }).trade?.message_id);
    expect(new Set(ids)).toEqual(new Set(["7cb38ff3-97f3-5649-ba7d-e8b0a7698e2d"]));
  });

  it("of another identity gets another message id", () => {
    const identities = [{}, { trade_id: "1" }, { symbol: "ETHUSDT" }, { exchange: "XNAS" }];
    const ids = identities.map(
      (fields) => parseTrade({ ...VALID, ...fields }, { now: NOW }).trade?.message_id,
    );
    expect(new Set(ids).size).toBe(identities.length);
  });
});

describe("refused is", () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    ["a price that is a number", { price: 39432.48 }, /JSON number has been through a float/],
    ["a quantity that is a number", { quantity: 1 }, /JSON number has been through a float/],
    ["a price of nothing", { price: null }, /decimal in a string/],
    ["a price of zero", { price: "0.000" }, /more than zero/],
    ["a quantity of zero", { quantity: "0" }, /more than zero/],
    ["a negative price", { price: "-1" }, /1 to 10 digits/],
    ["an exponent", { price: "1e3" }, /1 to 10 digits/],
    ["nine digits after the point", { price: "1.123456789" }, /1 to 10 digits/],
    ["eleven digits before it", { quantity: "12345678901" }, /1 to 10 digits/],
    ["a symbol in small letters", { symbol: "btcusdt" }, /A-Z 0-9/],
    ["a symbol with #", { symbol: "BTC#USDT" }, /A-Z 0-9/],
    ["a symbol of 33 characters", { symbol: "A".repeat(33) }, /1 to 32/],
    ["no exchange name", { exchange: "" }, /1 to 32/],
    ["a trade id with a space", { trade_id: "a b" }, /printable ASCII/],
    ["a trade id with #", { trade_id: "a#b" }, /printable ASCII/],
    ["a trade id that is a number", { trade_id: 1 }, /printable ASCII/],
    ["a trade id of 65 characters", { trade_id: "1".repeat(65) }, /1 to 64/],
    ["an unknown side", { side: "buy" }, /BUY, SELL, SELL_SHORT or UNKNOWN/],
    ["a day that is none", { timestamp: "2021-02-30T00:00:00Z" }, /ISO 8601/],
    ["nanoseconds", { timestamp: "2021-01-08T00:00:00.123456789Z" }, /at most 6 digits/],
    ["a time as a number", { timestamp: 1610064000278 }, /ISO 8601/],
    ["a currency in small letters", { currency: "usdt" }, /A-Z/],
    ["a sequence that is a number", { source_sequence: 7 }, /in a string/],
    ["conditions that are no list", { trade_conditions: "REGULAR" }, /list of texts/],
    ["17 conditions", { trade_conditions: Array(17).fill("A") }, /at most 16/],
    ["vendor data over 2 KB", { vendor_data: { a: "x".repeat(2048) } }, /at most 2048 bytes/],
    ["vendor data over 2 KB in UTF-8", { vendor_data: { a: "€".repeat(700) } }, /at most 2048/],
    ["vendor data that is a list", { vendor_data: ["a"] }, /object of texts/],
    ["a platform sequence", { platform_sequence: "1" }, /can't be sent/],
    ["an unknown field", { qty: "1" }, /unknown; known are trade_id, symbol/],
  ])("%s", (_, fields, detail) => {
    expect(faultsOf(fields)).toEqual([
      { pointer: `/${Object.keys(fields)[0]}`, detail: expect.stringMatching(detail) },
    ]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["a condition", { trade_conditions: ["A", ""] }, "/trade_conditions/1"],
    [
      "a condition with half a surrogate pair",
      { trade_conditions: ["\ud800"] },
      "/trade_conditions/0",
    ],
    ["vendor text", { vendor_data: { n: 1 } }, "/vendor_data/n"],
    ["vendor text with half a surrogate pair", { vendor_data: { n: "\udc00" } }, "/vendor_data/n"],
    ["a vendor name", { vendor_data: { "a/b~c": "1" } }, "/vendor_data/a~1b~0c"],
    [
      "a vendor name JavaScript needs",
      JSON.parse('{"vendor_data":{"__proto__":"x"}}'),
      "/vendor_data/__proto__",
    ],
    ["another such", { vendor_data: { constructor: "x" } }, "/vendor_data/constructor"],
    ["a field JavaScript needs", JSON.parse('{"__proto__":{"side":"BUY"}}'), "/__proto__"],
  ])("%s, by its own pointer", (_, fields, pointer) => {
    const input = Object.defineProperties({ ...VALID }, Object.getOwnPropertyDescriptors(fields));
    const { faults } = parseTrade(input, { now: NOW });
    expect(faults?.map((fault) => fault.pointer)).toEqual([pointer]);
  });

  it("tells of twenty faults at most, and how many more there are", () => {
    const unknown = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`a${i}`, i]));
    const { faults = [] } = parseTrade({ ...VALID, ...unknown }, { now: NOW, pointer: "/3" });
    expect(faults).toHaveLength(21);
    expect(faults.at(-1)).toEqual({ pointer: "/3", detail: "and 9980 faults more" });
  });

  it("everything at once", () => {
    const { faults } = parseTrade({ price: 1, a: 1, b: 2 }, { now: NOW, pointer: "/3" });
    expect(faults?.map((fault) => fault.pointer).sort()).toEqual(
      [
        "a",
        "asset_class",
        "b",
        "currency",
        "exchange",
        "price",
        "quantity",
        "symbol",
        "timestamp",
        "trade_id",
      ].map((name) => `/3/${name}`),
    );
  });

  it.each([null, undefined, 1, "trade", [], [VALID]])("%j", (input) => {
    expect(parseTrade(input, { now: NOW, pointer: "/0" }).faults).toEqual([
      { pointer: "/0", detail: "expected a trade: a JSON object" },
    ]);
  });
});

it("takes any JSON at all without throwing", () => {
  const field = fc.constantFrom(...Object.keys(TradeInput.entries));
  const objects = fc.dictionary(fc.oneof(field, fc.string()), fc.jsonValue());
  fc.assert(
    fc.property(fc.oneof(objects, fc.jsonValue()), (input) => {
      const { trade, faults } = parseTrade(input, { now: NOW });
      expect((trade === undefined) !== (faults === undefined)).toBe(true);
    }),
  );
});

it.each([
  ["as sent", TradeInput],
  ["as served", RecordedTrade],
])("has a JSON Schema, %s", (_, schema) => {
  const json = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: "input",
    ignoreActions: ["check"],
  });
  for (const [name, field] of Object.entries(json.properties ?? {}))
    expect([name, field]).toEqual([
      name,
      expect.objectContaining({ description: expect.any(String) }),
    ]);
});

it("takes conditions of the basic plane, where JavaScript and JSON Schema count alike", () => {
  expect(faultsOf({ trade_conditions: ["\uFFFD".repeat(32)] })).toBeUndefined();
  expect(faultsOf({ trade_conditions: ["\uFFFD".repeat(33)] })).toHaveLength(1);
  expect(faultsOf({ trade_conditions: ["\u{1F600}"] })).toHaveLength(1);
});
