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
  let opening: Promise<{ kafka: KafkaModule; producer: Producer }> | undefined;
  let tries = watchTries();
  let [isGood, isEnded, lastUsedMs, nextPartition] = [true, false, performance.now(), 0];

  const open = async () => {
    const kafka = await import("@platformatic/kafka");
    const producer = createProducer(kafka, options, () => tries);
    if (isEnded) end(producer);
    return { kafka, producer };
  };
  const use = async (topic: string, records: readonly TopicRecord[], timeoutMs: number) => {
    const { kafka, producer } = await (opening ??= open());
    const messages = records.map((record) =>
      toMessage(topic, record, (key) =>
        // As Java's client does it, so that a key is in one partition whoever produces it.
        key === undefined ? nextPartition++ : kafka.compatibilityPartitioner({ topic }, key),
      ),
    );
    tries = watchTries();
    return deliver({ producer, tries, topic, messages }, timeoutMs);
  };

  return {
    send: async (topic, records, timeoutMs) => {
      let delivery: Delivery;
      try {
        delivery = await use(topic, records, timeoutMs);
      } catch (cause) {
        delivery = { acknowledged: 0, failure: { reason: "client", cause } };
      }
      const { failure, unanswered } = delivery;
      isGood = failure === undefined;
      lastUsedMs = performance.now();
      void unanswered?.settled.then(({ acknowledged }) => {
        isGood = acknowledged === unanswered.count;
        lastUsedMs = performance.now();
      });
      return delivery;
    },
    isGood: () => isGood,
    idleMs: () => performance.now() - lastUsedMs,
    end: () => {
      isEnded = true;
      void opening?.then(
        ({ producer }) => end(producer),
        () => {},
      );
    },
  };
}

function createProducer(
  { Producer }: KafkaModule,
  options: KafkaOptions,
  triesOf: () => Tries,
): Producer {
  const producer = new Producer({
    ...connectionOf(options),
    idempotent: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    timeout: REPLICAS_TIMEOUT_MS,
    retries: MAX_TRIES,
    retryDelay: (_client, operation, tries, _retries, failure) => {
      triesOf().failed(operation, tries, failure);
      return Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), MAX_WAIT_MS);
    },
    metadataMaxAge: METADATA_MAX_AGE_MS,
  });
  producer.on("client:performWithRetry", (operation: string) => triesOf().begun(operation));
  producer.on(
    "client:performWithRetry:failed",
    (operation: string, _retries: number, failures: readonly unknown[]) =>
      triesOf().failed(operation, failures.length, failures.at(-1)),
  );
  return producer;
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

interface Sending {
  readonly producer: Producer;
  readonly tries: Tries;
  readonly topic: string;
  readonly messages: readonly Message[];
}

/**
 * Sends, and waits for so long. What may have arrived by then is sent on, always as the same batch of
 * the same producer, until a broker says that it has it, now or before; what has not, never is.
 */
async function deliver(sending: Sending, timeoutMs: number): Promise<Delivery> {
  const { producer, tries, messages } = sending;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooLate(timeoutMs)), timeoutMs);
  let acknowledged = 0;
  const sent = sendToPartitions(sending, (count) => {
    acknowledged += count;
  });
  try {
    await Promise.race([sent, late.promise, tries.hopeless]);
    return { acknowledged };
  } catch (cause) {
    const before = acknowledged;
    if (tries.areInDoubt()) {
      const settled = sent.then(
        (): Settlement => ({ acknowledged: acknowledged - before, uncertain: 0 }),
        (): Settlement => ({
          acknowledged: acknowledged - before,
          uncertain: messages.length - acknowledged,
        }),
      );
      const unanswered = { count: messages.length - before, settled };
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

/**
 * A request for each partition, tried for itself: of one with several, tried again after their leaders
 * have parted, the library sends all to the leader of the first.
 */
async function sendToPartitions(
  { producer, tries, topic, messages }: Sending,
  onAcknowledged: (count: number) => void,
): Promise<void> {
  const metadata = await producer.metadata({ topics: [topic] });
  const count = metadata.topics.get(topic)?.partitionsCount ?? 1;
  const partitions = Map.groupBy(messages, ({ partition = 0 }) => partition % count);
  const sends = [...partitions.values()].map(async (ofPartition) => {
    await producer.send({ messages: ofPartition });
    tries.acknowledged();
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
