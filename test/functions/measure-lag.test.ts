import { Consumer, Producer } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ScheduledHandler } from "../../lib/scheduled-function.ts";
import { apiEvent, lambdaContext } from "../support/api-event.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { sampleLines } from "../support/exposition.ts";
import { needsKafka, openKafka, type KafkaBroker, whyNoKafka } from "../support/kafka/broker.ts";
import { startPushgateway, type TestPushgateway } from "../support/pushgateway.ts";

const GROUP = `measure-lag-${process.pid}`;

needsKafka();

let broker: KafkaBroker;
let database: TestDynamoDB;
let pushgateway: TestPushgateway;
let topic: string;
let handler: ScheduledHandler;

beforeAll(async () => {
  if (whyNoKafka() !== undefined) return;
  broker = await openKafka();
  database = await startTestDynamoDB();
  pushgateway = await startPushgateway();
  topic = await broker.createTopic({ partitions: 3 });
  Object.assign(process.env, {
    DYNAMODB_ENDPOINT: database.endpoint,
    TABLE_NAME: database.table,
    PUSHGATEWAY_URL: pushgateway.url,
    METRICS_PUSH_TIMEOUT_MS: "20000",
    KAFKA_BROKERS: broker.addresses,
    KAFKA_TRADES_TOPIC: topic,
    KAFKA_CONSUMER_GROUP: GROUP,
    LOG_LEVEL: "silent",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
  ({ handler } = await import("../../functions/measure-lag.ts"));
}, 180_000);
afterAll(async () => {
  await pushgateway?.close();
  await database?.close();
  await broker?.close();
});

async function produce(counts: readonly number[]): Promise<void> {
  const producer = new Producer({
    clientId: "test",
    bootstrapBrokers: broker.addresses.split(","),
    retries: 10,
  });
  const value = Buffer.from("1");
  const messages = counts.flatMap((count, partition) =>
    Array.from({ length: count }, () => ({ topic, partition, value })),
  );
  await producer.send({ messages });
  await producer.close();
}

async function commit(partition: number, offset: bigint): Promise<void> {
  const consumer = new Consumer({
    clientId: "test",
    groupId: GROUP,
    bootstrapBrokers: broker.addresses.split(","),
    retries: 10,
  });
  consumer.topics.trackAll(topic);
  await consumer.joinGroup();
  await consumer.commit({ offsets: [{ topic, partition, offset, leaderEpoch: -1 }] });
  await consumer.close();
}

/** Each partition's lag on the aggregated page. */
async function lag(): Promise<Record<string, number>> {
  await handler({}, lambdaContext());
  const { handler: scrape } = await import("../../functions/scrape-metrics.ts");
  const { body } = await scrape(apiEvent({ route: "/metrics" }), lambdaContext());
  return Object.fromEntries(
    [...sampleLines(body)]
      .filter(([series]) => series.startsWith("kafka_consumer_lag_records{"))
      .map(([series, value]) => [/partition="(\d+)"/.exec(series)?.[1], Number(value)]),
  );
}

it("the lag of each partition is what the group has still to deal with", async () => {
  expect(await lag()).toEqual({ 0: 0, 1: 0, 2: 0 });
  await produce([5, 3, 0]);
  expect(await lag()).toEqual({ 0: 5, 1: 3, 2: 0 });
  await commit(0, 2n);
  expect(await lag()).toEqual({ 0: 3, 1: 3, 2: 0 });
  await commit(0, 5n);
  expect(await lag()).toEqual({ 0: 0, 1: 3, 2: 0 });
}, 120_000);
