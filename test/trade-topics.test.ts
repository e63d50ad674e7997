import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../lib/config/service-config.ts";
import { COMMON_METRICS } from "../lib/metrics/record/catalogue.ts";
import { createDefinitions } from "../lib/metrics/record/definitions.ts";
import { createMetricsClient, type MetricsClient } from "../lib/metrics/record/metrics-client.ts";
import { openTradeTopics, producingZeros } from "../lib/trade-topics.ts";
import type { TopicRecord } from "../lib/trades/topic-record.ts";
import { startBehindProxy } from "./support/kafka/behind-proxy.ts";
import type { OwnKafkaBroker } from "./support/kafka/broker.ts";
import { startEmbedded } from "./support/kafka/kinds.ts";
import { PRODUCE } from "./support/kafka/lossy-proxy.ts";

const TIMEOUT = { timeoutMs: 30_000 };

let broker: OwnKafkaBroker;

beforeAll(async () => {
  broker = await startEmbedded();
});
afterAll(() => broker.close());

function openMetrics(): MetricsClient {
  const definitions = createDefinitions({ metrics: COMMON_METRICS, maxLabelSets: 200 });
  return createMetricsClient(definitions, ({ detail }) => {
    throw new Error(detail);
  });
}

/** Its samples without those of buckets and durations, by name and labels. */
async function samplesOf(metrics: MetricsClient): Promise<Record<string, number>> {
  const lines = (await metrics.generateMetrics()).split("\n");
  const wanted = lines.filter((line) =>
    /^kafka_(?!.*(?:_bucket|_duration_seconds_sum)\b)/.test(line),
  );
  return Object.fromEntries(
    wanted.map((line) => line.split(" ")).map(([sample = "", value]) => [sample, Number(value)]),
  );
}

const record = (key: string, bytes = 1): TopicRecord => ({
  key,
  value: Buffer.alloc(bytes, "x"),
  headers: {},
});
const topics = () => openTradeTopics(loadConfig({ KAFKA_BROKERS: broker.addresses }));

describe("sending to the configured topics", () => {
  it("counts what was acknowledged, how much at once, and how long it took", async () => {
    const topic = await broker.createTopic({ name: "trades" });
    const metrics = openMetrics();
    await topics()(metrics).send(topic, [record("a"), record("b"), record("c")], TIMEOUT);
    expect(await samplesOf(metrics)).toEqual({
      [`kafka_messages_produced_total{topic="${topic}"}`]: 3,
      [`kafka_batch_size_sum{topic="${topic}",operation="produce"}`]: 3,
      [`kafka_batch_size_count{topic="${topic}",operation="produce"}`]: 1,
      [`kafka_produce_duration_seconds_count{topic="${topic}"}`]: 1,
    });
  });

  it("counts the part that was acknowledged, and why the rest was not", async () => {
    const configs = { "max.message.bytes": "2000" };
    const topic = await broker.createTopic({ partitions: 2, configs });
    const metrics = openMetrics();
    const records = [...["a", "b", "c", "d", "e"].map((key) => record(key)), record("a", 3_000)];
    await expect(topics()(metrics).send(topic, records, TIMEOUT)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryAfterSeconds: 5,
    });
    const samples = await samplesOf(metrics);
    const ends = await broker.endOffsets(topic);
    const appended = ends.reduce((sum, offset) => sum + offset, 0);
    expect(appended).toBeGreaterThan(0);
    expect(samples).toMatchObject({
      [`kafka_messages_produced_total{topic="${topic}"}`]: appended,
      [`kafka_errors_total{topic="${topic}",operation="produce",reason="too_large"}`]: 1,
    });
  });

  it("counts what nobody answered in time when it is known to be in the topic", async () => {
    const { broker: own, proxy, address, close } = await startBehindProxy(startEmbedded);
    onTestFinished(close);
    const topic = await own.createTopic({ partitions: 1 });
    const [metrics, later] = [openMetrics(), openMetrics()];
    const toTopics = openTradeTopics(loadConfig({ KAFKA_BROKERS: address }));
    await toTopics(openMetrics()).send(topic, [record("a")], TIMEOUT);
    const lost = proxy.loseNext(PRODUCE);
    const sent = toTopics(metrics).send(topic, [record("a"), record("a")], { timeoutMs: 5_000 });
    void lost.then(() => own.kill());
    await expect(sent).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const unanswered = `kafka_messages_unanswered_total{topic="${topic}"}`;
    const produced = `kafka_messages_produced_total{topic="${topic}"}`;
    expect(await samplesOf(metrics)).toMatchObject({ [unanswered]: 2 });
    await own.restart();
    // Waits for its turn: what was sent before is settled then.
    await toTopics(later).send(topic, [record("a")], { timeoutMs: 60_000 });
    expect(await samplesOf(metrics)).toMatchObject({
      [produced]: 2,
      [`kafka_messages_settled_total{topic="${topic}"}`]: 2,
    });
    expect(await own.endOffsets(topic)).toEqual([4]);
  }, 300_000);

  it("says so where no broker is configured", async () => {
    const metrics = openMetrics();
    const send = openTradeTopics(loadConfig({}))(metrics).send("trades", [record("a")], TIMEOUT);
    await expect(send).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await samplesOf(metrics)).toEqual({});
  });

  it("starts each series it may count at 0", () => {
    const zeros = producingZeros("trades");
    const known = new Map(COMMON_METRICS.map(({ name, labels }) => [name, labels]));
    for (const [name, sets] of Object.entries(zeros))
      for (const set of sets) expect(Object.keys(set)).toEqual(known.get(name));
    expect(zeros["kafka_errors_total"]?.map(({ reason }) => reason)).toContain("unanswered");
  });
});
