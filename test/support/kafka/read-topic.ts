/**
 * Reads a topic from its beginning.
 */

import { randomUUID } from "node:crypto";
import { Consumer, MessagesStreamModes } from "@platformatic/kafka";

export interface ReadRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
  readonly offset: number;
}

export interface ReadOptions {
  readonly topic: string;
  readonly count: number;
}

/** A new broker knows its groups only some time after it takes connections. */
const READY_TIMEOUT_MS = 60_000;

/** The first `count` records of a topic, each partition's in order. @param addresses of the brokers. */
export async function readTopic(addresses: string, options: ReadOptions): Promise<ReadRecord[]> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      return await readOnce(addresses, options);
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

async function readOnce(addresses: string, { topic, count }: ReadOptions): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  if (count === 0) return records;
  const consumer = new Consumer({
    clientId: "k2-trades-tests",
    groupId: randomUUID(),
    bootstrapBrokers: addresses.split(","),
  });
  try {
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.EARLIEST,
      maxWaitTime: 50,
    });
    for await (const { key, value, headers, partition, offset } of stream) {
      const texts = [...headers].map(([name, text]) => [String(name), String(text)]);
      records.push({
        key: textOf(key),
        value: textOf(value),
        headers: Object.fromEntries(texts),
        partition,
        offset: Number(offset),
      });
      if (records.length === count) break;
    }
    return records;
  } finally {
    await consumer.close(true);
  }
}

function textOf(bytes: Buffer | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : String(bytes);
}
