/**
 * Lambda's event source mapping for a self-managed Kafka, on this machine: reads a topic as a consumer
 * group, batches its records, and hands them to a function.
 */

import { setTimeout as delay } from "node:timers/promises";
import {
  Consumer,
  type Message,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
} from "@platformatic/kafka";
import type { SelfManagedKafkaEvent } from "aws-lambda";
import { connectionOf, type KafkaOptions } from "../../lib/trades/kafka-connection.ts";
import { inBatches } from "./batches.ts";
import { deliverBatch } from "./deliver-batch.ts";
import { eventOf, sizeInEvent } from "./kafka-event.ts";

export interface EventSourceOptions {
  readonly kafka: KafkaOptions;
  readonly topic: string;
  /** The consumer group. */
  readonly group: string;
  /** Most records of a batch. */
  readonly batchSize: number;
  /** How long a batch waits for more, from its first record on. */
  readonly batchWindowMs: number;
  /** Tries of a batch after the first, when nothing of it is done. */
  readonly maxRetries: number;
  /** Answers what the function answered; rejects when it failed. */
  readonly invoke: (event: SelfManagedKafkaEvent) => Promise<unknown>;
  /** Gets a batch that was tried too often. */
  readonly onGivenUp: (event: SelfManagedKafkaEvent, cause: unknown) => void;
  /** Hears why reading was interrupted, each time; it goes on by itself. */
  readonly onInterrupted: (cause: unknown) => void;
}

export interface EventSource {
  /** Hands over nothing more; what is under way is finished, and committed. */
  close(): Promise<void>;
}

/** An invocation takes 6 MB at most. */
const MAX_EVENT_BYTES = 5_500_000;
/** Bounds what closing waits for. */
const FETCH_WAIT_MS = 500;
const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 10_000;
const RETRIES = 3;
const RETRY_MS = 200;
const REOPEN_MS = 500;

/** Starts reading; from the group's offsets on, or from the beginning of the topic. */
export function startEventSource(options: EventSourceOptions): EventSource {
  const closing = new AbortController();
  const running = run(options, closing.signal);
  return {
    close: async () => {
      closing.abort();
      await running;
    },
  };
}

/** Whatever fails, it begins again at what was committed. */
async function run(options: EventSourceOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await readTopic(options, signal);
    } catch (cause) {
      if (!signal.aborted) options.onInterrupted(cause);
    }
    await delay(REOPEN_MS, undefined, { signal }).catch(() => {});
  }
}

async function readTopic(options: EventSourceOptions, signal: AbortSignal): Promise<void> {
  const consumer = openConsumer(options);
  // While it joins there is nothing to finish; later the batch under way is.
  let end = async () => consumer.close(true);
  const onAbort = () => void end().catch(() => {});
  signal.addEventListener("abort", onAbort);
  try {
    const stream = await join(consumer, options);
    end = async () => stream.close();
    if (signal.aborted) return;
    const batches = inBatches<Message>(stream, {
      maxItems: options.batchSize,
      windowMs: options.batchWindowMs,
      maxSize: MAX_EVENT_BYTES,
      sizeOf: sizeInEvent,
    });
    for await (const records of batches) await deliver(records, { consumer, options, signal });
  } finally {
    signal.removeEventListener("abort", onAbort);
    await consumer.close(true).catch(() => {});
  }
}

function openConsumer({ kafka, group }: EventSourceOptions): Consumer {
  return new Consumer({
    ...connectionOf(kafka),
    groupId: group,
    requestTimeout: REQUEST_TIMEOUT_MS,
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    retries: RETRIES,
    retryDelay: RETRY_MS,
  });
}

function join(consumer: Consumer, { topic }: EventSourceOptions) {
  return consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.COMMITTED,
    fallbackMode: MessagesStreamFallbackModes.EARLIEST,
    autocommit: false,
    maxWaitTime: FETCH_WAIT_MS,
  });
}

interface Delivering {
  readonly consumer: Consumer;
  readonly options: EventSourceOptions;
  readonly signal: AbortSignal;
}

function deliver(
  records: readonly Message[],
  { consumer, options, signal }: Delivering,
): Promise<void> {
  const { kafka, invoke, onGivenUp, maxRetries } = options;
  return deliverBatch(records, {
    invoke: (some) => invoke(eventOf(some, kafka.brokers)),
    commit: (next) =>
      consumer.commit({ offsets: next.map((one) => ({ ...one, leaderEpoch: -1 })) }),
    giveUp: (some, cause) => onGivenUp(eventOf(some, kafka.brokers), cause),
    maxRetries,
    pause: async (milliseconds) => {
      await delay(milliseconds, undefined, { signal });
    },
  });
}
