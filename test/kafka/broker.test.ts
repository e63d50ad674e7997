/** The broker itself, as the other tests of Kafka rely on it. */
import { Producer } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  needsKafka,
  type OwnKafkaBroker,
  startKafka,
  whyNoKafka,
} from "../support/kafka/broker.ts";

needsKafka({ isOwn: true });

let broker: OwnKafkaBroker;
beforeAll(async () => {
  if (whyNoKafka(true) === undefined) broker = await startKafka();
});
afterAll(() => broker?.close());

it("keeps what it acknowledged over SIGKILL and a restart, for an idempotent producer", async () => {
  const topic = await broker.createTopic({ partitions: 2 });
  const producer = new Producer({
    clientId: "test",
    bootstrapBrokers: [broker.addresses],
    idempotent: true,
    acks: -1,
    retries: 3,
  });
  const send = (partition: number) =>
    producer.send({ messages: [{ topic, partition, value: Buffer.from("1") }] });
  await send(0);
  await send(1);
  await broker.kill();
  await broker.restart();
  expect(await broker.endOffsets(topic)).toEqual([1, 1]);
  await send(1);
  expect(await broker.endOffsets(topic)).toEqual([1, 2]);
  await producer.close();
});
