import { once } from "node:events";
import { connect } from "node:net";
import * as fc from "fast-check";
import { Admin } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openKafkaProducer } from "../../../lib/trades/kafka-producer.ts";
import { LOOPBACK } from "../../../local/ports.ts";
import type { OwnKafkaBroker } from "../../support/kafka/broker.ts";
import { startEmbedded } from "../../support/kafka/kinds.ts";

let broker: OwnKafkaBroker;

beforeAll(async () => {
  broker = await startEmbedded();
});
afterAll(() => broker.close());

const record = { key: "a", value: Buffer.from("1"), headers: {} };

async function send(bytes: Uint8Array): Promise<void> {
  const socket = connect(Number(broker.addresses.split(":")[1]), LOOPBACK).resume();
  socket.on("error", () => {});
  socket.end(bytes);
  await once(socket, "close");
}

function openAdmin(): Admin {
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: [broker.addresses], retries: 0 });
  onTestFinished(() => admin.close());
  return admin;
}

describe("the embedded broker", () => {
  it("goes on serving others, whatever a client sends", async () => {
    const framed = fc
      .tuple(
        fc.constantFrom(0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 18, 19, 22, 99),
        fc.nat(5),
        fc.uint8Array(),
      )
      .map(([key, version, body]) => {
        const head = Buffer.alloc(14);
        head.writeInt32BE(10 + body.length, 0);
        head.writeInt16BE(key, 4);
        head.writeInt16BE(version, 6);
        head.writeInt16BE(-1, 12);
        return Buffer.concat([head, body]);
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(framed, fc.uint8Array({ maxLength: 200 })), (bytes) => send(bytes)),
      { numRuns: 300 },
    );
    const topic = await broker.createTopic();
    const producer = openKafkaProducer({ clientId: "tests", brokers: [broker.addresses] });
    onTestFinished(() => producer.close());
    expect(await producer.send(topic, [record], { timeoutMs: 30_000 })).toEqual({
      acknowledged: 1,
    });
  });

  it("has topics and committed offsets after a restart", async () => {
    const topic = await broker.createTopic({ partitions: 2 });
    const admin = openAdmin();
    await admin.alterConsumerGroupOffsets({
      groupId: "readers",
      topics: [{ name: topic, partitionOffsets: [{ partition: 1, offset: 7n }] }],
    });
    await broker.kill();
    await broker.restart();
    expect(await broker.endOffsets(topic)).toEqual([0, 0]);
    expect(await broker.committedOffsets("readers", topic)).toEqual([-1, 7]);
  });

  it.each([
    ["a name Kafka does not allow", "a/b", 1, "INVALID_TOPIC_EXCEPTION"],
    ["no partitions", "none", 0, "INVALID_PARTITIONS"],
    ["a name that is taken", "taken", 1, "TOPIC_ALREADY_EXISTS"],
  ])("makes no topic with %s", async (_fact, topic, partitions, apiId) => {
    const admin = openAdmin();
    if (topic === "taken") await admin.createTopics({ topics: [topic], partitions: 2 });
    await expect(admin.createTopics({ topics: [topic], partitions })).rejects.toMatchObject({
      errors: [{ errors: [{ apiId }] }],
    });
  });
});
