/**
 * Kafka for this machine: the brokers that were given, else an embedded one; either with the topics
 * that the functions need.
 */

import { Admin, MultipleErrors } from "@platformatic/kafka";
import type { Config } from "../lib/config/service-config.ts";
import { connectionOf, type KafkaOptions } from "../lib/trades/kafka-connection.ts";
import { reasonOf } from "../lib/trades/kafka-failure.ts";
import { describeError } from "./describe-error.ts";
import { startEmbeddedKafka } from "./kafka/server.ts";
import { LOOPBACK } from "./ports.ts";

export interface LocalKafkaOptions {
  readonly kafka: Config["kafka"];
  /** Where the embedded one keeps its data. */
  readonly folder: string;
  /** For the embedded one; free. */
  readonly port: number;
}

export interface LocalKafka {
  /** For people: `KAFKA_BROKERS`, or `embedded`. */
  readonly what: string;
  readonly options: KafkaOptions;
  close(): Promise<void>;
}

const CLIENT_ID = "k2-trades-local";
/** So that several symbols are consumed side by side. */
const TRADES_PARTITIONS = 3;
const RETRIES = 5;
const RETRY_MS = 200;

/** The address of the brokers, before they are started. */
export function brokersOf({ kafka, port }: Pick<LocalKafkaOptions, "kafka" | "port">): string[] {
  return kafka.brokers.length > 0 ? kafka.brokers : [`${LOOPBACK}:${port}`];
}

/** Starts one unless brokers were given. @throws {Error} for people, when those can't be used. */
export async function openLocalKafka(options: LocalKafkaOptions): Promise<LocalKafka> {
  const { kafka, folder, port } = options;
  const isGiven = kafka.brokers.length > 0;
  const own = isGiven ? undefined : await startEmbeddedKafka({ folder, port });
  const connection = { ...kafka, clientId: CLIENT_ID, brokers: brokersOf(options) };
  try {
    await ensureTopics(connection, [
      { name: kafka.topics.trades, partitions: TRADES_PARTITIONS },
      { name: kafka.topics.deadLetters, partitions: 1 },
    ]);
  } catch (error) {
    await own?.close();
    const where = connection.brokers.join(",");
    throw new Error(`Kafka at ${where} can't be used: ${describeError(error)}`, { cause: error });
  }
  return {
    what: isGiven ? "KAFKA_BROKERS" : "embedded",
    options: connection,
    close: async () => own?.close(),
  };
}

async function ensureTopics(
  connection: KafkaOptions,
  topics: readonly { readonly name: string; readonly partitions: number }[],
): Promise<void> {
  const refused = Promise.withResolvers<never>();
  const admin = new Admin({
    ...connectionOf(connection),
    retries: RETRIES,
    retryDelay: (_client, _operation, _tries, _retries, failure) => {
      // What is wrong today is wrong tomorrow; the client would try it dozens of times.
      if (reasonOf(failure) === "unauthorized") refused.reject(failure);
      return RETRY_MS;
    },
  });
  try {
    await Promise.race([createMissing(admin, topics), refused.promise]);
  } finally {
    await admin.close();
  }
}

async function createMissing(
  admin: Admin,
  topics: readonly { readonly name: string; readonly partitions: number }[],
): Promise<void> {
  const known = await admin.listTopics();
  for (const { name, partitions } of topics.filter((topic) => !known.includes(topic.name)))
    await admin.createTopics({ topics: [name], partitions }).catch((error: unknown) => {
      // By another, or so lately that the list lacked it.
      if (!isMadeAlready(error)) throw error;
    });
}

function isMadeAlready(error: unknown): boolean {
  return error instanceof MultipleErrors && !!error.findBy("apiId", "TOPIC_ALREADY_EXISTS");
}
