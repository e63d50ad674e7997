/**
 * One client of Kafka from its first send to its end, which the first failure is.
 */

import type { Socket } from "node:net";
import type * as Kafka from "@platformatic/kafka";
import type { MessageToProduce, Producer } from "@platformatic/kafka";
import { connectionOf, type KafkaOptions } from "./kafka-connection.ts";
import { reasonOf } from "./kafka-failure.ts";
import { type Tries, watchTries } from "./kafka-tries.ts";
import type { Delivery, Settlement } from "./topic-producer.ts";
import type { TopicRecord } from "./topic-record.ts";
import { createWatchedProducer, type WatchedProducer } from "./watched-producer.ts";

export interface KafkaClient {
  /** Sends all of it at once, when all that was sent before is settled; see `TopicProducer.send`. */
  send(topic: string, records: readonly TopicRecord[], timeoutMs: number): Promise<Delivery>;
  /** Whether everything it sent so far was acknowledged. */
  isGood(): boolean;
  /** Time since its last use, in milliseconds. */
  idleMs(): number;
  /** Ends its connections at once. */
  end(): void;
}

/** What a broker has to answer a request; half a second less for the replicas. */
const REQUEST_TIMEOUT_MS = 3_000;
const REPLICAS_TIMEOUT_MS = 2_500;
/**
 * How often what may have arrived is sent: five minutes of refused connections, half an hour of
 * silence. A broker knows what it has had by producer and sequence for a day.
 */
const MAX_TRIES = 600;
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
  let opening: Promise<{ kafka: KafkaModule; watched: WatchedProducer }> | undefined;
  let [isGood, isEnded, lastUsedMs, nextPartition] = [true, false, performance.now(), 0];

  const open = async () => {
    const kafka = await import("@platformatic/kafka");
    const watched = createProducer(kafka, options);
    if (isEnded) end(watched.producer);
    return { kafka, watched };
  };
  const use = async (topic: string, records: readonly TopicRecord[], timeoutMs: number) => {
    const { kafka, watched } = await (opening ??= open());
    const messages = records.map((record) =>
      toMessage(topic, record, (key) =>
        // As Java's client does it, so that a key is in one partition whoever produces it.
        key === undefined ? nextPartition++ : kafka.compatibilityPartitioner({ topic }, key),
      ),
    );
    return deliver({ ...watched, topic, messages }, timeoutMs);
  };

  return {
    send: async (topic, records, timeoutMs) => {
      let delivery: Delivery;
      try {
        delivery = await use(topic, records, timeoutMs);
      } catch (cause) {
        delivery = { acknowledged: 0, failure: { reason: "client", cause } };
      }
      const { acknowledged: before, failure, unanswered } = delivery;
      isGood = failure === undefined;
      lastUsedMs = performance.now();
      void unanswered?.settled.then(({ acknowledged }) => {
        isGood = before + acknowledged === records.length;
        lastUsedMs = performance.now();
      });
      return delivery;
    },
    isGood: () => isGood,
    idleMs: () => performance.now() - lastUsedMs,
    end: () => {
      isEnded = true;
      void opening?.then(
        ({ watched }) => end(watched.producer),
        () => {},
      );
    },
  };
}

function createProducer(kafka: KafkaModule, options: KafkaOptions): WatchedProducer {
  return createWatchedProducer(kafka, {
    ...connectionOf(options),
    idempotent: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    timeout: REPLICAS_TIMEOUT_MS,
    retries: MAX_TRIES,
    retryDelay: (_client, _operation, tries) =>
      Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), MAX_WAIT_MS),
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

interface Sending extends WatchedProducer {
  readonly topic: string;
  readonly messages: readonly Message[];
}

/**
 * Sends, and waits for so long. What may have arrived by then is sent on, always as the same batch of
 * the same producer, until a broker says that it has it, now or before; what has not, never is, but
 * while another partition's is in doubt.
 */
async function deliver(sending: Sending, timeoutMs: number): Promise<Delivery> {
  const { producer, messages } = sending;
  const tries = watchTries();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooLate(timeoutMs)), timeoutMs);
  let [acknowledged, refused] = [0, 0];
  const sent = sendToPartitions(sending, tries, {
    onAcknowledged: (count) => void (acknowledged += count),
    onRefused: (count) => void (refused += count),
  });
  try {
    await Promise.race([sent, late.promise, tries.hopeless]);
    return { acknowledged };
  } catch (cause) {
    const before = acknowledged;
    if (tries.areInDoubt()) {
      // Of several partitions, those that are no longer in doubt may leave others without hope.
      tries.hopeless.catch(() => end(producer));
      const open = () => messages.length - acknowledged - refused;
      const settle = (): Settlement => ({ acknowledged: acknowledged - before, uncertain: open() });
      const unanswered = { count: open(), settled: sent.then(settle, settle) };
      return { acknowledged: before, failure: { reason: reasonOf(cause), cause }, unanswered };
    }
    end(producer);
    sent.catch(() => {});
    const last = tries.lastFailure() ?? cause;
    return { acknowledged: before, failure: { reason: reasonOf(last), cause: last } };
  } finally {
    clearTimeout(timer);
  }
}

interface Outcomes {
  /** A partition has so many records. */
  readonly onAcknowledged: (count: number) => void;
  /** It certainly has not, and won't get them. */
  readonly onRefused: (count: number) => void;
}

/**
 * A request for each partition, tried for itself: of one with several, tried again after their leaders
 * have parted, the library sends all to the leader of the first.
 */
async function sendToPartitions(
  { producer, watched, topic, messages }: Sending,
  tries: Tries,
  { onAcknowledged, onRefused }: Outcomes,
): Promise<void> {
  const metadata = await watched(tries.request(), () => producer.metadata({ topics: [topic] }));
  const count = metadata.topics.get(topic)?.partitionsCount ?? 1;
  const partitions = Map.groupBy(messages, ({ partition = 0 }) => partition % count);
  const sends = [...partitions.values()].map(async (ofPartition) => {
    const request = tries.request();
    try {
      await watched(request, () => producer.send({ messages: ofPartition }));
    } catch (error) {
      if (!request.isInDoubt()) onRefused(ofPartition.length);
      throw error;
    }
    request.acknowledged();
    onAcknowledged(ofPartition.length);
  });
  const failures = (await Promise.allSettled(sends))
    .filter((result) => result.status === "rejected")
    .map(({ reason }) => reason as unknown);
  if (failures.length > 0)
    throw new AggregateError(failures, "not every partition took its records");
}

function tooLate(timeoutMs: number): Error {
  const message = `no acknowledgement within ${Math.round(timeoutMs)} ms`;
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}

/** Ends it at once: a socket whose other end is gone would wait for it. */
function end(producer: Producer): void {
  const sockets = [...producer.connections].map(([, { socket }]) => socket);
  producer.close(true, () => {});
  // One that never began to connect has none.
  for (const socket of sockets) (socket as Socket | undefined)?.destroy();
}
