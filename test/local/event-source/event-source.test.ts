import type { SelfManagedKafkaEvent } from "aws-lambda";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openKafkaProducer } from "../../../lib/trades/kafka-producer.ts";
import type { TopicRecord } from "../../../lib/trades/topic-record.ts";
import {
  type EventSource,
  type EventSourceOptions,
  startEventSource,
} from "../../../local/event-source/event-source.ts";
import { kafkaKinds } from "../../support/kafka/kinds.ts";

const TIMEOUT_MS = 30_000;

const record = (value: string, key: string | null = "BTCUSDT"): TopicRecord => ({
  key,
  value: Buffer.from(value),
  headers: {},
});
const range = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => String(from + i));

describe.each(kafkaKinds)("an event source of $name", ({ use, isOwn }) => {
  const broker = use();

  const kafka = () => ({ clientId: "tests", brokers: broker().addresses.split(",") });

  async function produce(topic: string, records: readonly TopicRecord[]): Promise<void> {
    const producer = openKafkaProducer(kafka());
    const delivery = await producer.send(topic, records, { timeoutMs: TIMEOUT_MS });
    await producer.close();
    expect(delivery).toEqual({ acknowledged: records.length });
  }

  /** An event source and what it delivered: events, values, and what was given up. */
  function listen(topic: string, more: Partial<EventSourceOptions> = {}) {
    const events: SelfManagedKafkaEvent[] = [];
    const values: string[] = [];
    const givenUp: string[] = [];
    const { invoke = async () => undefined } = more;
    const source: EventSource = startEventSource({
      kafka: kafka(),
      topic,
      group: `group-of-${topic}`,
      batchSize: 100,
      batchWindowMs: 50,
      maxRetries: 2,
      onGivenUp: (event) => givenUp.push(...valuesOf(event)),
      onInterrupted: () => {},
      ...more,
      invoke: async (event) => {
        events.push(event);
        values.push(...valuesOf(event));
        return invoke(event);
      },
    });
    onTestFinished(() => source.close());
    return { source, events, values, givenUp };
  }

  const committed = (topic: string) => broker().committedOffsets(`group-of-${topic}`, topic);
  const until = (claim: () => unknown) =>
    vi.waitUntil(claim, { timeout: TIMEOUT_MS, interval: 25 });
  /** Where nothing was produced, nothing is committed. */
  const untilCommitted = (topic: string, offsets: number[]) =>
    until(async () => String((await committed(topic)).map(atLeast0)) === String(offsets));

  it("hands over events of Lambda's own form", async () => {
    const topic = await broker().createTopic({ partitions: 1 });
    await produce(topic, [
      { key: "BTCUSDT", value: Buffer.from("€1"), headers: { name: "né", empty: "" } },
      { key: null, value: null, headers: {} },
    ]);
    const { events } = listen(topic);
    await untilCommitted(topic, [2]);
    const common = {
      topic,
      partition: 0,
      timestamp: expect.any(Number),
      timestampType: "CREATE_TIME",
    };
    expect(events).toEqual([
      {
        eventSource: "SelfManagedKafka",
        bootstrapServers: broker().addresses,
        records: {
          [`${topic}-0`]: [
            {
              ...common,
              offset: 0,
              key: Buffer.from("BTCUSDT").toString("base64"),
              value: Buffer.from("€1").toString("base64"),
              headers: [{ name: [110, -61, -87] }, { empty: [] }],
            },
            { ...common, offset: 1, headers: [] },
          ],
        },
      },
    ]);
  });

  it("delivers every record of every partition once and in order, in batches of the size asked for", async () => {
    const topic = await broker().createTopic({ partitions: 3 });
    const records = range(300).map((value, i) => record(value, ["a", "b", "c", "d"][i % 4]));
    await produce(topic, records);
    const { events, values } = listen(topic, { batchSize: 40 });
    await untilCommitted(topic, await broker().endOffsets(topic));
    expect(values.toSorted(byNumber)).toEqual(range(300));
    for (const event of events) expect(valuesOf(event).length).toBeLessThanOrEqual(40);
    for (const partition of [0, 1, 2]) {
      const own = events.flatMap((event) => valuesOf(event, `${topic}-${partition}`));
      expect(own).toEqual(own.toSorted(byNumber));
    }
  });

  it("delivers again what failed, and commits only what is done", async () => {
    const topic = await broker().createTopic({ partitions: 1 });
    await produce(
      topic,
      range(10).map((value) => record(value)),
    );
    const answers = [
      new Error("out of memory"),
      { batchItemFailures: [{ itemIdentifier: { partition: `${topic}-0`, offset: 4 } }] },
    ];
    const before: number[][] = [];
    const { events } = listen(topic, {
      invoke: async () => {
        before.push(await committed(topic));
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer;
      },
    });
    await untilCommitted(topic, [10]);
    expect(events.map((event) => valuesOf(event))).toEqual([range(10), range(10), range(6, 4)]);
    expect(before).toEqual([[-1], [-1], [4]]);
  });

  it("gives up a batch that was tried too often, and goes on", async () => {
    const topic = await broker().createTopic({ partitions: 1 });
    await produce(
      topic,
      range(3).map((value) => record(value)),
    );
    const { givenUp, values } = listen(topic, {
      invoke: async (event) => {
        if (valuesOf(event).includes("1")) throw new Error("down");
      },
    });
    await untilCommitted(topic, [3]);
    expect(givenUp).toEqual(range(3));
    await produce(topic, [record("next")]);
    await untilCommitted(topic, [4]);
    expect(values.at(-1)).toBe("next");
  });

  it("goes on where the one before it ended, which finished what it had begun", async () => {
    const topic = await broker().createTopic({ partitions: 1 });
    await produce(
      topic,
      range(5).map((value) => record(value)),
    );
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const first = listen(topic, {
      invoke: async () => {
        begun.resolve();
        await gate.promise;
      },
    });
    await begun.promise;
    const closed = first.source.close();
    gate.resolve();
    await closed;
    expect(await committed(topic)).toEqual([5]);
    await produce(topic, [record("5")]);
    const second = listen(topic);
    await untilCommitted(topic, [6]);
    expect(second.values).toEqual(["5"]);
  });

  it("shares its topic with another of the same group, and takes all of it when that one goes", async () => {
    const topic = await broker().createTopic({ partitions: 4 });
    const [first, second] = [listen(topic), listen(topic)];
    let sent = 0;
    await until(async () => {
      await produce(
        topic,
        range(8, sent).map((value) => record(value, value)),
      );
      sent += 8;
      return first.values.length > 0 && second.values.length > 0;
    });
    await second.source.close();
    await produce(
      topic,
      range(40, sent).map((value) => record(value, value)),
    );
    sent += 40;
    await untilCommitted(topic, await broker().endOffsets(topic));
    expect(new Set([...first.values, ...second.values]).size).toBe(sent);
  }, 60_000);

  it.runIf(isOwn)(
    "misses nothing when the broker is killed and comes back",
    async () => {
      const topic = await broker().createTopic({ partitions: 2 });
      const { values } = listen(topic);
      await produce(
        topic,
        range(50).map((value) => record(value, value)),
      );
      await until(() => values.length > 0);
      await broker().kill();
      await broker().restart();
      await produce(
        topic,
        range(50, 50).map((value) => record(value, value)),
      );
      await untilCommitted(topic, await broker().endOffsets(topic));
      expect([...new Set(values)].toSorted(byNumber)).toEqual(range(100));
    },
    120_000,
  );

  it("ends at once when there is nothing to read, and when there is nobody to read from", async () => {
    const topic = await broker().createTopic();
    const { source } = listen(topic);
    await source.close();
    const nowhere = listen(topic, { kafka: { clientId: "tests", brokers: ["127.0.0.1:1"] } });
    await nowhere.source.close();
  });
});

function valuesOf({ records }: SelfManagedKafkaEvent, only?: string): string[] {
  return Object.entries(records)
    .filter(([source]) => only === undefined || source === only)
    .flatMap(([, ofSource]) =>
      ofSource.map(({ value }) => String(Buffer.from(value ?? "", "base64"))),
    );
}

function atLeast0(offset: number): number {
  return Math.max(0, offset);
}

function byNumber(a: string, b: string): number {
  return Number(a) - Number(b);
}
