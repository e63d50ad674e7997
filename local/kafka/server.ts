/**
 * An embedded Kafka broker, for machines without one: idempotent producing, consumer groups and
 * committed offsets over Kafka's own protocol, on disk. It has one node, no TLS, no transactions, and
 * keeps what it was given, up to 256 MiB a partition, until its folder is deleted.
 */

import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { LOOPBACK } from "../ports.ts";
import { openCommittedOffsets } from "./committed-offsets.ts";
import { type ConsumerGroup, createConsumerGroup } from "./consumer-group.ts";
import { answerRequest, type BrokerState } from "./requests.ts";
import { openTopics } from "./topics.ts";
import { int32 } from "./wire.ts";

export interface EmbeddedKafkaOptions {
  /** Made when it is not there; no two brokers may have it open. */
  readonly folder: string;
  /** On 127.0.0.1; 0 for any that is free. */
  readonly port: number;
  /** Where clients are told to connect to. Default: the port itself. */
  readonly advertisedPort?: number;
}

export interface EmbeddedKafka {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Ends all connections. */
  close(): Promise<void>;
}

const MAX_REQUEST_BYTES = 32 * 1_024 * 1_024;
const LENGTH_BYTES = 4;

/**
 * Starts it on the data the folder has.
 * @throws {Error} when the port is taken.
 */
export async function startEmbeddedKafka(options: EmbeddedKafkaOptions): Promise<EmbeddedKafka> {
  const { folder, port } = options;
  mkdirSync(folder, { recursive: true });
  const server = createServer({ noDelay: true });
  server.listen(port, LOOPBACK);
  await once(server, "listening");
  const { port: taken } = server.address() as AddressInfo;
  const { state, close } = openState(folder, options.advertisedPort ?? taken);
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    // A client that goes away without a word is gone all the same.
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    serve(socket, state).catch(() => socket.destroy());
  });
  return {
    address: `${LOOPBACK}:${taken}`,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      close();
      await closed;
    },
  };
}

function openState(folder: string, port: number): { state: BrokerState; close: () => void } {
  const topics = openTopics(folder);
  const groups = new Map<string, ConsumerGroup>();
  let isClosing = false;
  // A thousand a millisecond, so that they are new after a restart, too.
  let lastProducerId = BigInt(Date.now()) * 1_000n;
  const state: BrokerState = {
    host: LOOPBACK,
    port,
    topics,
    offsets: openCommittedOffsets(join(folder, "offsets.json")),
    group: (name) => {
      const group = groups.get(name) ?? createConsumerGroup();
      groups.set(name, group);
      return group;
    },
    nextProducerId: () => (lastProducerId += 1n),
    isClosing: () => isClosing,
  };
  const close = () => {
    isClosing = true;
    for (const group of groups.values()) group.close();
    topics.close();
  };
  return { state, close };
}

/** Answers a connection's requests one after the other, as Kafka does. */
async function serve(socket: Socket, state: BrokerState): Promise<void> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= LENGTH_BYTES) {
      const length = pending.readInt32BE(0);
      if (length < 0 || length > MAX_REQUEST_BYTES) throw new RangeError(`${length} bytes`);
      if (pending.length < LENGTH_BYTES + length) break;
      const request = pending.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
      pending = pending.subarray(LENGTH_BYTES + length);
      const answer = await answerRequest(request, state);
      if (socket.destroyed) return;
      if (answer !== undefined) socket.write(Buffer.concat([int32(answer.length), answer]));
    }
  }
}
