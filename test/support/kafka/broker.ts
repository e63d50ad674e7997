/**
 * Kafka for tests: a broker of one's own (`.ci/kafka/install.sh`), or any that KAFKA_BROKERS names.
 */

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin } from "@platformatic/kafka";
import { beforeEach } from "vitest";
import { type BrokerOptions, startBrokerProcess, whyNoBroker } from "./broker-process.ts";

export interface KafkaBroker {
  /** `host:port`, several separated by commas. */
  readonly addresses: string;
  /** Makes a topic with a name of its own, and answers that name. */
  createTopic(options?: TopicOptions): Promise<string>;
  /** The offset the next record of each partition will get. */
  endOffsets(topic: string): Promise<number[]>;
  /** What a consumer group has committed of each partition; -1 where it has nothing. */
  committedOffsets(group: string, topic: string): Promise<number[]>;
  close(): Promise<void>;
}

/** A broker that a test may kill. */
export interface OwnKafkaBroker extends KafkaBroker {
  /** Ends it with SIGKILL: nothing is said to clients, nothing is flushed. */
  kill(): Promise<void>;
  /** Starts it again, on its data and under its address; resolves when it answers. */
  restart(): Promise<void>;
}

export interface TopicOptions {
  /** Beginning of the name. Default `trades`. */
  readonly name?: string;
  /** Default 3. */
  readonly partitions?: number;
  /** Such as `max.message.bytes`. */
  readonly configs?: Readonly<Record<string, string>>;
}

/** The broker to run the tests against; empty: one of their own. */
const GIVEN = process.env["KAFKA_BROKERS"] ?? "";
const READY_TIMEOUT_MS = 60_000;
const LATEST = -1n;

/**
 * Call it first in a test file or a suite. Without a broker its tests are skipped with the reason;
 * where `CI` is set they fail with it, since there a broker is mandatory.
 * @param isOwn whether the tests kill the broker, which they never do to one that was given.
 */
export function needsKafka({ isOwn = false }: { readonly isOwn?: boolean } = {}): void {
  const reason = whyNoKafka(isOwn);
  if (reason === undefined) return;
  beforeEach((context) => {
    if (process.env["CI"] !== undefined) throw new Error(reason);
    context.skip(reason);
  });
}

/** Whether KAFKA_BROKERS names a broker to run the tests against. */
export const isKafkaGiven = GIVEN !== "";

/** Says why tests can't have a broker; undefined if they can. */
export function whyNoKafka(isOwn = false): string | undefined {
  return GIVEN !== "" && !isOwn ? undefined : whyNoBroker();
}

/**
 * The broker that KAFKA_BROKERS names, as soon as it answers, else one of its own; the caller closes
 * it, and with it the topics that were made on one that was given.
 */
export async function openKafka(given = GIVEN): Promise<KafkaBroker> {
  if (given === "") return startKafka();
  const clients = clientsOf(given);
  await clients.ready();
  return clients;
}

/** Starts a broker with no data. */
export async function startKafka(options: BrokerOptions = {}): Promise<OwnKafkaBroker> {
  const folder = await mkdtemp(join(tmpdir(), "k2-kafka-"));
  const broker = await startBrokerProcess(folder, options);
  const clients = clientsOf(broker.address);
  await clients.ready();
  return {
    ...clients,
    kill: () => broker.kill(),
    restart: async () => {
      await broker.start();
      await clients.ready();
    },
    close: async () => {
      await broker.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What tests ask of the brokers at these addresses. */
export function clientsOf(addresses: string): KafkaBroker & { ready(): Promise<void> } {
  const bootstrapBrokers = addresses.split(",");
  const open = () =>
    new Admin({ clientId: "k2-trades-tests", bootstrapBrokers, retries: 10, retryDelay: 200 });
  const withAdmin = async <T>(ask: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = open();
    try {
      return await ask(admin);
    } finally {
      await admin.close();
    }
  };
  const partitionsOf = async (admin: Admin, topic: string) => {
    const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
    return Array.from({ length: metadata.topics.get(topic)?.partitionsCount ?? 0 }, (_, i) => i);
  };
  const created: string[] = [];
  return {
    addresses,
    createTopic: ({ name = "trades", partitions = 3, configs = {} } = {}) =>
      withAdmin(async (admin) => {
        const topic = `${name}-${randomBytes(4).toString("hex")}`;
        await admin.createTopics({
          topics: [topic],
          partitions,
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        });
        created.push(topic);
        return topic;
      }),
    endOffsets: (topic) =>
      withAdmin(async (admin) => {
        const partitions = (await partitionsOf(admin, topic)).map((partitionIndex) => ({
          partitionIndex,
          timestamp: LATEST,
        }));
        const [listed] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
        return inOrder(listed?.partitions ?? [], ({ offset }) => offset);
      }),
    committedOffsets: (group, topic) =>
      withAdmin(async (admin) => {
        const partitionIndexes = await partitionsOf(admin, topic);
        const [listed] = await admin.listConsumerGroupOffsets({
          groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes }] }],
        });
        const partitions = listed?.topics[0]?.partitions ?? [];
        return inOrder(partitions, ({ committedOffset }) => committedOffset);
      }),
    ready: () => untilReady(open, READY_TIMEOUT_MS),
    close: async () => {
      if (created.length > 0) await withAdmin((admin) => admin.deleteTopics({ topics: created }));
    },
  };
}

/** A broker that takes connections may not have joined its own cluster yet. */
async function untilReady(open: () => Admin, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const admin = open();
    try {
      const { brokers } = await admin.metadata({ topics: [], forceUpdate: true });
      if (brokers.size > 0) return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    } finally {
      await admin.close();
    }
  }
}

function inOrder<T extends { readonly partitionIndex: number }>(
  partitions: readonly T[],
  offsetOf: (partition: T) => bigint,
): number[] {
  return partitions
    .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    .map((partition) => Number(offsetOf(partition)));
}
