/**
 * The form of a dead letter: the record as it was, with headers that say why it is there and where
 * it was. What would make it too large to be produced is cut; the record itself is still where it was.
 */

import type { Poison } from "./decode-trade.ts";
import { headersOf, type KafkaEventRecord } from "./kafka-event.ts";
import type { TopicRecord } from "./topic-record.ts";

/** Names of the headers of a dead letter, beside those the record had. */
export const DEAD_LETTER_HEADERS = {
  /** One of `POISON_REASONS`. */
  reason: "dead-letter-reason",
  /** For people. */
  detail: "dead-letter-detail",
  topic: "origin-topic",
  partition: "origin-partition",
  offset: "origin-offset",
  /** The record's, in milliseconds since the epoch. */
  timestamp: "origin-timestamp",
  /** Only where the value was cut: how long it was. */
  valueBytes: "origin-value-bytes",
} as const;

/** A broker takes 1 MiB a record unless it is told otherwise. */
const MAX_VALUE_BYTES = 262_144;
const MAX_KEY_BYTES = 4_096;
const MAX_HEADERS_BYTES = 16_384;
const MAX_DETAIL_CHARACTERS = 1_000;

/** Makes the dead letter of a record. */
export function encodeDeadLetter(
  record: KafkaEventRecord,
  { reason, detail }: Poison,
): TopicRecord {
  const value = fromBase64(record.value);
  const key = fromBase64(record.key);
  const isCut = value !== null && value.byteLength > MAX_VALUE_BYTES;
  return {
    key: key === null ? null : key.subarray(0, MAX_KEY_BYTES),
    value: isCut ? value.subarray(0, MAX_VALUE_BYTES) : value,
    headers: {
      ...ownHeaders(record),
      [DEAD_LETTER_HEADERS.reason]: reason,
      [DEAD_LETTER_HEADERS.detail]: detail.slice(0, MAX_DETAIL_CHARACTERS),
      [DEAD_LETTER_HEADERS.topic]: record.topic,
      [DEAD_LETTER_HEADERS.partition]: String(record.partition),
      [DEAD_LETTER_HEADERS.offset]: String(record.offset),
      [DEAD_LETTER_HEADERS.timestamp]: String(record.timestamp),
      ...(isCut ? { [DEAD_LETTER_HEADERS.valueBytes]: String(value.byteLength) } : {}),
    },
  };
}

/** The record's own headers, as many as there is room for. */
function ownHeaders(record: KafkaEventRecord): Record<string, Uint8Array> {
  let room = MAX_HEADERS_BYTES;
  const kept = [...headersOf(record)].filter(([name, value]) => {
    const bytes = Buffer.byteLength(name) + value.byteLength;
    const fits = bytes <= room;
    if (fits) room -= bytes;
    return fits;
  });
  return Object.fromEntries(kept);
}

function fromBase64(text: string | null | undefined): Buffer | null {
  return text === undefined || text === null || text === "" ? null : Buffer.from(text, "base64");
}
