import { describe, expect, it } from "vitest";
import { encodeDeadLetter } from "../../lib/trades/dead-letter.ts";
import { recordsOf } from "../../lib/trades/kafka-event.ts";
import type { TopicRecord } from "../../lib/trades/topic-record.ts";
import { kafkaEvent, textRecord } from "../support/kafka/event.ts";

function letterOf(record: TopicRecord, detail = "expected JSON") {
  const [received] = recordsOf(kafkaEvent([record], { startOffset: 7 }));
  return encodeDeadLetter(received!, { reason: "not_json", detail });
}

const text = (value: string | Uint8Array | undefined) =>
  value === undefined ? undefined : Buffer.from(value).toString();

describe("a dead letter", () => {
  it("is the record as it was, with why it is there and where it was", () => {
    const bytes = Uint8Array.of(0, 255, 128);
    const { key, value, headers } = letterOf({ key: bytes, value: bytes, headers: { id: bytes } });
    expect([key, value, headers["id"]]).toEqual([1, 2, 3].map(() => Buffer.from(bytes)));
    expect(headers).toMatchObject({
      "dead-letter-reason": "not_json",
      "dead-letter-detail": "expected JSON",
      "origin-topic": "trades",
      "origin-partition": "0",
      "origin-offset": "7",
      "origin-timestamp": "1700000000000",
    });
  });

  it("of a tombstone has no value either", () => {
    expect(letterOf({ key: null, value: null, headers: {} })).toMatchObject({
      key: null,
      value: null,
    });
  });

  it("wins over headers of the record that bear its names", () => {
    const { headers } = letterOf(textRecord("1", { "dead-letter-reason": "none" }));
    expect(text(headers["dead-letter-reason"])).toBe("not_json");
  });

  it("of a record of any size is small enough for a broker that takes the default 1 MiB", () => {
    const long = "x".repeat(1_500_000);
    const letter = letterOf(
      { key: long, value: Buffer.from(long), headers: { long, id: "1" } },
      long,
    );
    const headers = Object.entries(letter.headers).flat();
    const bytes = [letter.key ?? "", letter.value ?? "", ...headers].map((part) =>
      Buffer.byteLength(part),
    );
    expect(bytes.reduce((sum, part) => sum + part, 0)).toBeLessThan(300_000);
    expect(letter.headers).toMatchObject({
      "origin-value-bytes": "1500000",
      id: Buffer.from("1"),
    });
    expect(letter.headers).not.toHaveProperty("long");
  });
});
