/**
 * Brokers for tests that hold for any: the embedded one, which is always there, Apache Kafka, and any
 * that KAFKA_BROKERS names.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { freePort, LOOPBACK } from "../../../local/ports.ts";
import { type EmbeddedKafka, startEmbeddedKafka } from "../../../local/kafka/server.ts";
import {
  clientsOf,
  isKafkaGiven,
  needsKafka,
  openKafka,
  type OwnKafkaBroker,
  startKafka,
  whyNoKafka,
} from "./broker.ts";

export interface KafkaKind {
  /** For test names. */
  readonly name: string;
  /** Whether tests may start others, kill them and restart them. */
  readonly isOwn: boolean;
  /**
   * Call it first in a suite: starts one with no data before its tests, and ends it after them. Where
   * this kind is not to be had, the tests are skipped.
   */
  readonly use: () => () => OwnKafkaBroker;
  /** Starts another. */
  readonly start: (options?: KindOptions) => Promise<OwnKafkaBroker>;
}

export interface KindOptions {
  /** Port of 127.0.0.1 that clients are told to connect to. Default: the broker's own. */
  readonly advertisedPort?: number;
}

const given: KafkaKind = {
  name: "KAFKA_BROKERS",
  isOwn: false,
  use: () => useBroker(openGiven),
  start: openGiven,
};

/** Every kind there is to test against. */
export const kafkaKinds: readonly KafkaKind[] = [
  {
    name: "the embedded broker",
    isOwn: true,
    use: () => useBroker(startEmbedded),
    start: startEmbedded,
  },
  { name: "Apache Kafka", isOwn: true, use: useApache, start: startApache },
  ...(isKafkaGiven ? [given] : []),
];

const START_TIMEOUT_MS = 120_000;

function useApache(): () => OwnKafkaBroker {
  needsKafka({ isOwn: true });
  return useBroker(startApache, whyNoKafka(true) === undefined);
}

function useBroker(start: () => Promise<OwnKafkaBroker>, isThere = true): () => OwnKafkaBroker {
  let broker: OwnKafkaBroker | undefined;
  beforeAll(async () => {
    if (isThere) broker = await start();
  }, START_TIMEOUT_MS);
  afterAll(async () => broker?.close());
  return () => {
    if (broker === undefined) throw new Error("no test has run yet");
    return broker;
  };
}

async function openGiven(): Promise<OwnKafkaBroker> {
  const refuse = () => Promise.reject(new Error("a broker that was given is not killed"));
  return { ...(await openKafka()), kill: refuse, restart: refuse };
}

/** Starts Apache Kafka. */
export function startApache({ advertisedPort }: KindOptions = {}): Promise<OwnKafkaBroker> {
  if (advertisedPort === undefined) return startKafka();
  const address = `PLAINTEXT://${LOOPBACK}:${advertisedPort}`;
  return startKafka({ properties: { "advertised.listeners": address } });
}

/** Starts an embedded broker in this process, which is killed and restarted like any. */
export async function startEmbedded(options: KindOptions = {}): Promise<OwnKafkaBroker> {
  const folder = await mkdtemp(join(tmpdir(), "k2-embedded-kafka-"));
  // It comes back on its port, which no outgoing connection may have taken meanwhile.
  const port = await freePort();
  let broker: EmbeddedKafka | undefined = await startEmbeddedKafka({ ...options, folder, port });
  const { address } = broker;
  const kill = async () => {
    await broker?.close();
    broker = undefined;
  };
  return {
    ...clientsOf(address),
    kill,
    restart: async () => {
      broker = await startEmbeddedKafka({ ...options, folder, port });
    },
    close: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
