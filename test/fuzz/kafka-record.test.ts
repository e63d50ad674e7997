import fc from "fast-check";
import { assert, describe, it } from "vitest";
import { encodeDeadLetter } from "../../lib/trades/dead-letter.ts";
import { decodeTrade, POISON_REASONS } from "../../lib/trades/decode-trade.ts";
import { recordsOf, type KafkaEvent, type KafkaEventRecord } from "../../lib/trades/kafka-event.ts";
import { corpusOf, fuzz, FUZZ_TIMEOUT_MS, FUZZED, mutated } from "../support/fuzz.ts";
import { kafkaEvent, recordOf } from "../support/kafka/event.ts";
import { trades } from "../support/trades.ts";

const NOW = 1_800_000_000_000_000;
/** What a broker takes, with room to spare. */
const MAX_LETTER_BYTES = 300_000;
const MAX_DETAIL_LENGTH = 10_000;

const published = corpusOf(trades()).map((trade) => recordOf(trade).value ?? Buffer.alloc(0));
/** More fields that are none than are told of. */
const UNKNOWN = Array.from({ length: 60 }, (_, i) => `"${"a".repeat(50)}${i}":1,`).join("");
const PIECES = [
  ["{", "}", "[", "]", ",", ":", '"', "\\", "null", "true", "1e999", "-0", "{}", "[]", '""'],
  ['"price":1,', '"price":"-1",', '"x":', UNKNOWN, '"__proto__":{},', "\\ud800"],
  ['"timestamp":"2021-02-30T00:00:00Z",', "[".repeat(500), "\u0000", "ÿ", "Ã©", " ".repeat(99)],
].flat();
const values = mutated(
  published.map((value) => Buffer.from(value)),
  PIECES,
);
/** As AWS writes bytes: base64, and perhaps what is none. */
const base64 = fc.oneof(
  { arbitrary: values.map((value) => value.toString("base64")), weight: 12 },
  { arbitrary: fc.constantFrom(null, "", "=", "\u{1f600}", "A"), weight: 1 },
  { arbitrary: fc.string(), weight: 1 },
);
const headerNames = fc.oneof(
  fc.constantFrom("schema-version", "correlation-id", "dead-letter-reason", "__proto__", ""),
  fc.string(),
);
const headerBytes = fc.oneof(
  { arbitrary: fc.constantFrom([49], [], null, [50], [-1, 255, 256, 1e9]), weight: 20 },
  { arbitrary: fc.array(fc.integer({ min: -128, max: 255 }), { maxLength: 4 }), weight: 9 },
  { arbitrary: fc.constant(Array<number>(20_000).fill(65)), weight: 1 },
);
const headers = fc.oneof(
  { arbitrary: fc.constantFrom(null, [], [{}]), weight: 2 },
  {
    arbitrary: fc.array(
      fc
        .tuple(headerNames, headerBytes)
        .map(([name, bytes]) => Object.fromEntries([[name, bytes]])),
      { maxLength: 3 },
    ),
    weight: 1,
  },
);
const record: fc.Arbitrary<KafkaEventRecord> = fc.record(
  {
    topic: fc.constantFrom("trades", ""),
    partition: fc.constantFrom(0, 7),
    offset: fc.nat(),
    timestamp: fc.integer(),
    timestampType: fc.constant("CREATE_TIME"),
    key: fc.constantFrom(null, "", "=", "QlRDVVNEVA==", "\u{1f600}", "QUFB".repeat(2_000)),
    value: base64,
    headers,
  },
  { requiredKeys: ["topic", "partition", "offset", "timestamp", "timestampType"] },
);

/** Events with faults of their own, such as Lambda would not send. */
const event = JSON.stringify(
  kafkaEvent([
    { key: "K", value: Buffer.from("{}"), headers: { a: "1" } },
    { key: null, value: null, headers: {}, partition: 1 },
  ]),
);
const events = mutated([Buffer.from(event)], [...PIECES, '"records":', '"offset":', "-1", "1.5"])
  .map((bytes) => parsedOrText(bytes.toString("latin1")))
  .filter((value) => value !== null);

describe("a Kafka record", () => {
  it(
    `of any bytes is a trade that encodes to itself, or poison that fits into a dead letter (${FUZZED})`,
    async () => {
      await fuzz({ inputs: record, isRead: isTrade });
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    `comes in an event of any shape, read by partition and offset, or refused whole (${FUZZED})`,
    async () => {
      await fuzz({ inputs: events, isRead: isEvent });
    },
    FUZZ_TIMEOUT_MS,
  );
});

function isTrade(received: KafkaEventRecord): boolean {
  const { trade, poison } = decodeTrade(received, NOW);
  if (trade !== undefined) {
    const [again] = recordsOf(kafkaEvent([recordOf(trade)]));
    assert.deepEqual(again === undefined ? undefined : decodeTrade(again, NOW), { trade });
    return true;
  }
  assert(POISON_REASONS.includes(poison.reason), poison.reason);
  assert(poison.detail !== "" && poison.detail.length < MAX_DETAIL_LENGTH, poison.detail);
  const { key, value, headers: letterHeaders } = encodeDeadLetter(received, poison);
  const parts = [key ?? "", value ?? "", ...Object.entries(letterHeaders).flat()];
  const bytes = parts.reduce((all, part) => all + Buffer.byteLength(part), 0);
  assert(bytes < MAX_LETTER_BYTES, `a dead letter of ${bytes} bytes`);
  return false;
}

function isEvent(any: unknown): boolean {
  try {
    const records = recordsOf(any as KafkaEvent);
    assert(records.every(({ topic, offset }) => typeof topic === "string" && offset % 1 === 0));
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
