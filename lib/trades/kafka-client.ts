/**
 * One client of Kafka from its first send to its end, which the first failure is.
 */

import type { Socket } from "node:net";
import type * as Kafka from "@platformatic/kafka";
import type { MessageToProduce, Producer } from "@platformatic/kafka";
import { connectionOf, type KafkaOptions } from "./kafka-connection.ts";
import { acknowledgedPartitions, reasonOf } from "./kafka-failure.ts";
import type { Delivery } from "./topic-producer.ts";
import type { TopicRecord } from "./topic-record.ts";

export interface KafkaClient {
  /** Sends all of it at once; see `TopicProducer.send`. */
  send(topic: string, records: readonly TopicRecord[], timeoutMs: number): Promise<Delivery>;
  /** Time since its last use, in milliseconds; 0 while it is in use. */
  idleMs(): number;
  /** Ends its connections as soon as it is not in use. */
  retire(): void;
}

/** What a broker has to answer a request; half a second less for the replicas. */
const REQUEST_TIMEOUT_MS = 3_000;
const REPLICAS_TIMEOUT_MS = 2_500;
/** With the waits between them, three seconds of refused connections. */
const RETRIES = 9;
const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 500;
/** Leaders that moved are found at once, whatever the age; this is for new partitions. */
const METADATA_MAX_AGE_MS = 60_000;

type Message = MessageToProduce;
type KafkaModule = typeof Kafka;

/** Loads the library, which takes longer than a first send; else the first send does. */
export async function loadKafka(): Promise<void> {
  await import("@platformatic/kafka");
}

/** Opens one; loading the library, connecting and all else is the first send's. */
export function openKafkaClient(options: KafkaOptions): KafkaClient {
  let opening: Promise<{ kafka: KafkaModule; producer: Producer }> | undefined;
  let [inUse, lastUsedMs, isRetired, nextPartition] = [0, performance.now(), false, 0];

  const open = async () => {
    const kafka = await import("@platformatic/kafka");
    return { kafka, producer: createProducer(kafka, options) };
  };
  const use = async (topic: string, records: readonly TopicRecord[], timeoutMs: number) => {
    const { kafka, producer } = await (opening ??= open());
    const messages = records.map((record) =>
      toMessage(topic, record, (key) =>
        // As Java's client does it, so that a key is in one partition whoever produces it.
        key === undefined ? nextPartition++ : kafka.compatibilityPartitioner({ topic }, key),
      ),
    );
    return deliver(producer, messages, timeoutMs);
  };
  const endIfUnused = () => {
    if (isRetired && inUse === 0)
      void opening?.then(
        ({ producer }) => end(producer),
        () => {},
      );
  };

  return {
    send: async (topic, records, timeoutMs) => {
      inUse += 1;
      try {
        return await use(topic, records, timeoutMs);
      } catch (cause) {
        return { acknowledged: 0, failure: { reason: "client", cause } };
      } finally {
        inUse -= 1;
        lastUsedMs = performance.now();
        endIfUnused();
      }
    },
    idleMs: () => (inUse > 0 ? 0 : performance.now() - lastUsedMs),
    retire: () => {
      isRetired = true;
      endIfUnused();
    },
  };
}

function createProducer({ Producer }: KafkaModule, options: KafkaOptions): Producer {
  return new Producer({
    ...connectionOf(options),
    idempotent: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    timeout: REPLICAS_TIMEOUT_MS,
    retries: RETRIES,
    retryDelay: (_client, _operation, attempt) =>
      Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), MAX_WAIT_MS),
    metadataMaxAge: METADATA_MAX_AGE_MS,
  });
}

function toMessage(
  topic: string,
  { key, value, headers }: TopicRecord,
  partitionOf: (key: Buffer | undefined) => number,
): Message {
  const keyBytes = key === null ? undefined : Buffer.from(key);
  return {
    topic,
    partition: partitionOf(keyBytes),
    ...(keyBytes === undefined ? {} : { key: keyBytes }),
    ...(value === null ? {} : { value: asBuffer(value) }),
    headers: new Map(
      Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
    ),
  };
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Sends; what is not acknowledged when the time is over counts as unanswered. */
async function deliver(
  producer: Producer,
  messages: readonly Message[],
  timeoutMs: number,
): Promise<Delivery> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooLate(timeoutMs)), timeoutMs);
  const sending = producer.send({ messages: [...messages] });
  try {
    await Promise.race([sending, late.promise]);
    return { acknowledged: messages.length };
  } catch (cause) {
    const acknowledged = countAcknowledged(producer, messages, cause);
    return { acknowledged, failure: { reason: reasonOf(cause), cause } };
  } finally {
    clearTimeout(timer);
    // Nobody waits for it any more.
    sending.catch(() => {});
  }
}

function tooLate(timeoutMs: number): Error {
  const message = `no acknowledgement within ${Math.round(timeoutMs)} ms`;
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}

function countAcknowledged(
  { currentMetadata }: Producer,
  messages: readonly Message[],
  error: unknown,
): number {
  const [{ topic } = { topic: "" }] = messages;
  const partitions = acknowledgedPartitions(error, topic);
  const count = currentMetadata?.topics.get(topic)?.partitionsCount ?? 1;
  return messages.filter(({ partition = 0 }) => partitions.has(partition % count)).length;
}

/** Ends it at once: a socket whose other end is gone would wait for it. */
function end(producer: Producer): void {
  const sockets = [...producer.connections].map(([, { socket }]) => socket);
  producer.close(true, () => {});
  // One that never began to connect has none.
  for (const socket of sockets) (socket as Socket | undefined)?.destroy();
}
