import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTrade, MAX_VALUE_BYTES } from "../../lib/trades/decode-trade.ts";
import { recordsOf } from "../../lib/trades/kafka-event.ts";
import type { TopicRecord } from "../../lib/trades/topic-record.ts";
import { kafkaEvent, recordOf, textRecord } from "../support/kafka/event.ts";
import { tradeOf, trades } from "../support/trades.ts";

const NOW = 1_800_000_000_000_000;

function decode(record: TopicRecord) {
  const [received] = recordsOf(kafkaEvent([record]));
  if (received === undefined) throw new Error("no record");
  return decodeTrade(received, NOW);
}

const poison = (record: TopicRecord) => decode(record).poison;

describe("a record of the trades topic", () => {
  it("is the trade that was published", () => {
    fc.assert(
      fc.property(trades(), (trade) => {
        expect(decode(recordOf(trade))).toEqual({ trade });
      }),
    );
  });

  it("may come from others, without headers and as the API takes it", () => {
    const { message_id: _id, ingestion_timestamp: _at, ...input } = tradeOf({});
    const { trade } = decode(textRecord(JSON.stringify(input)));
    expect(trade).toMatchObject({ ...input, ingestion_timestamp: "2027-01-15T08:00:00.000000Z" });
  });

  it.each([
    ["a tombstone", { key: "K", value: null, headers: {} }, "tombstone", "no value"],
    ["an empty value", textRecord(""), "tombstone", "no value"],
    [
      "more than any trade needs",
      textRecord(" ".repeat(MAX_VALUE_BYTES + 4)),
      "oversize",
      `${MAX_VALUE_BYTES + 4} bytes; expected at most ${MAX_VALUE_BYTES}`,
    ],
    ["an older form", textRecord("{}", { "schema-version": "0" }), "unknown_version", '"0"'],
    ["a newer form", textRecord("{}", { "schema-version": "2" }), "unknown_version", "expected 1"],
    [
      "a form that is no text",
      textRecord("{}", { "schema-version": Uint8Array.of(0xff) }),
      "unknown_version",
      "expected 1",
    ],
    ["no JSON", textRecord('{"trade_id":'), "not_json", "expected JSON"],
    [
      "JSON that is not UTF-8",
      { key: null, value: Uint8Array.of(0x22, 0xff, 0x22), headers: {} },
      "not_json",
      "UTF-8",
    ],
    ["no object", textRecord("[]"), "invalid_trade", "expected a trade: a JSON object"],
    ["an object of another kind", textRecord("{}"), "invalid_trade", "/trade_id: required"],
    [
      "a price that has been a float",
      textRecord(JSON.stringify({ ...tradeOf({}), price: 1.5 })),
      "invalid_trade",
      "/price: expected a decimal in a string",
    ],
  ] as [string, TopicRecord, string, string][])(
    "with %s is poison",
    (_, record, reason, detail) => {
      expect(poison(record)).toEqual({ reason, detail: expect.stringContaining(detail) });
    },
  );

  it("is a trade or poison whatever its bytes are", () => {
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(value, fc.option(fc.string()), (value, version) => {
        const headers: TopicRecord["headers"] =
          version === null ? {} : { "schema-version": version };
        const { trade, poison } = decode({ key: null, value, headers });
        expect([trade, poison].filter((one) => one !== undefined)).toHaveLength(1);
      }),
    );
  });

  it("of the largest trade is not oversize", () => {
    const longest = (length: number) => "\u0001".repeat(length);
    const trade = {
      ...tradeOf({}),
      trade_conditions: Array.from({ length: 16 }, () => longest(32)),
      vendor_data: { a: "x".repeat(2_030) },
    };
    const escaped = JSON.stringify(trade).replaceAll("x", String.raw`\u0078`);
    expect(decode(textRecord(escaped))).toHaveProperty("trade");
  });
});
