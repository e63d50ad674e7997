/**
 * Records as Lambda's event source mapping for a self-managed Kafka hands them to a function.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html
 */

import type { Message } from "@platformatic/kafka";
import type { SelfManagedKafkaEvent } from "aws-lambda";

/** The event of a batch. @param records each partition's in the order of their offsets. */
export function eventOf(
  records: readonly Message[],
  brokers: readonly string[],
): SelfManagedKafkaEvent {
  const bySource = Map.groupBy(records, sourceOf);
  return {
    eventSource: "SelfManagedKafka",
    bootstrapServers: brokers.join(","),
    records: Object.fromEntries(
      [...bySource].map(([source, ofSource]) => [
        source,
        ofSource.map((record) => toRecord(record)),
      ]),
    ),
  };
}

/** The event's own name of a record's partition: `trades-0`. */
export function sourceOf({ topic, partition }: Pick<Message, "topic" | "partition">): string {
  return `${topic}-${partition}`;
}

/** About what a record takes in the event, in bytes. */
export function sizeInEvent({ key, value, headerEntries }: Message): number {
  const headers = headerEntries.reduce(
    (sum, [name, bytes]) => sum + name.length + 5 * bytes.length,
    0,
  );
  return ((lengthOf(key) + lengthOf(value)) * 4) / 3 + headers + RECORD_BYTES;
}

const RECORD_BYTES = 250;

type EventRecord = SelfManagedKafkaEvent["records"][string][number];

function toRecord(record: Message): EventRecord {
  const { topic, partition, offset, timestamp, key, value, headerEntries } = record;
  return {
    topic,
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    timestampType: "CREATE_TIME",
    ...(isAbsent(key) ? {} : { key: key.toString("base64") }),
    ...(isAbsent(value) ? {} : { value: value.toString("base64") }),
    headers: headerEntries.map(([name, bytes]) => ({ [String(name)]: [...new Int8Array(bytes)] })),
  } as EventRecord;
}

/** A record without a key or value has neither, whatever the client's types say. */
function isAbsent(bytes: Buffer | null | undefined): boolean {
  return bytes === null || bytes === undefined;
}

function lengthOf(bytes: Buffer | null | undefined): number {
  return bytes?.length ?? 0;
}
