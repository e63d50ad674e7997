import { createServer, type Server, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort, LOOPBACK } from "../../local/ports.ts";
import { openKafkaProducer } from "../../lib/trades/kafka-producer.ts";
import type { TopicProducer } from "../../lib/trades/topic-producer.ts";
import type { TopicRecord } from "../../lib/trades/topic-record.ts";
import { startBehindProxy } from "../support/kafka/behind-proxy.ts";
import { kafkaKinds } from "../support/kafka/kinds.ts";
import { PRODUCE } from "../support/kafka/lossy-proxy.ts";
import { readTopic } from "../support/kafka/read-topic.ts";

const TIMEOUT_MS = 10_000;
/** Enough for a request of a client that is connected, on a busy machine too; waited for in full. */
const SHORT_MS = 5_000;
/** Enough for a few requests that nobody answers besides. */
const LONG_MS = 60_000;
/** Known answers of `org.apache.kafka.common.utils.UtilsTest`. */
const MURMUR2 = {
  "21": -973932308,
  foobar: -790332482,
  "a-little-bit-long-string": -985981536,
  "a-little-bit-longer-string": -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
};

function open(addresses: string): TopicProducer {
  const producer = openKafkaProducer({ clientId: "tests", brokers: addresses.split(",") });
  onTestFinished(() => producer.close());
  return producer;
}

const record = (value: string | null, more: Partial<TopicRecord> = {}): TopicRecord => ({
  key: "BTCUSDT",
  value: value === null ? null : Buffer.from(value),
  headers: {},
  ...more,
});

const recordsOf = (count: number, bytes = 10): TopicRecord[] =>
  Array.from({ length: count }, (_, i) => record(String(i).padStart(bytes, "0")));

/** Records for several partitions of such a topic, and one that its partition refuses. */
const ROOM_FOR_SMALL = { partitions: 3, configs: { "max.message.bytes": "2000" } };
const SMALL = ["a", "b", "c", "d", "e"].map((key) => record("1", { key }));
const LARGE = record("1".repeat(3_000), { key: "a" });

/** A server that does so with each connection; answers its address. */
async function startServer(onConnection: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer(onConnection).listen(0, LOOPBACK);
  await new Promise((listening) => server.once("listening", listening));
  onTestFinished(() => void server.close());
  return `${LOOPBACK}:${(server.address() as { port: number }).port}`;
}

describe("without a broker that answers", () => {
  it("tells a port that nobody listens on from one that says nothing, within the time", async () => {
    const nobody = open(`${LOOPBACK}:${await freePort()}`);
    const refused = await nobody.send("trades", [record("1")], { timeoutMs: TIMEOUT_MS });
    expect(refused).toMatchObject({ acknowledged: 0, failure: { reason: "unreachable" } });

    const sockets: Socket[] = [];
    const silent = open(await startServer((socket) => sockets.push(socket)));
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    const startedAt = performance.now();
    const late = await silent.send("trades", [record("1")], { timeoutMs: 1_000 });
    expect(late).toMatchObject({ acknowledged: 0, failure: { reason: "unanswered" } });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it.each<[fact: string, act: (socket: Socket) => void]>([
    ["ends every connection", (socket) => socket.end()],
    ["resets every connection", (socket) => socket.resetAndDestroy()],
    ["answers something else", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ])("gives up, and harms nobody, when a server %s", async (_fact, act) => {
    const producer = open(await startServer((socket) => act(socket.on("error", () => {}))));
    const delivery = await producer.send("trades", [record("1")], { timeoutMs: 5_000 });
    expect(delivery).toMatchObject({ acknowledged: 0, failure: { cause: expect.any(Error) } });
  });

  it("sends nothing any more once it is closed", async () => {
    const producer = open(`${LOOPBACK}:${await freePort()}`);
    await producer.close();
    const delivery = await producer.send("trades", [record("1")], { timeoutMs: TIMEOUT_MS });
    expect(delivery).toMatchObject({ acknowledged: 0, failure: { reason: "client" } });
  });
});

describe.each(kafkaKinds)("with $name", ({ use, start, isOwn }) => {
  const broker = use();

  /** With a producer that goes through the proxy. */
  async function openBehindProxy() {
    const { broker: proxied, proxy, address, close } = await startBehindProxy(start);
    onTestFinished(close);
    const topic = await proxied.createTopic({ partitions: 2 });
    return { proxied, proxy, topic, producer: open(address) };
  }

  const totalOf = async (topic: string) =>
    (await broker().endOffsets(topic)).reduce((sum, offset) => sum + offset, 0);

  it("produces keys, values and headers as they are, tombstones and empty values included", async () => {
    const topic = await broker().createTopic({ partitions: 1 });
    const headers = { "correlation-id": "abc", "schema-version": "1", "header-ü": "€" };
    const delivery = await open(broker().addresses).send(
      topic,
      [
        record("€1", { headers }),
        record("", { key: "" }),
        record(null, { key: "GONE" }),
        record("x", { key: null, headers: { empty: "" } }),
      ],
      { timeoutMs: TIMEOUT_MS },
    );
    expect(delivery).toEqual({ acknowledged: 4 });
    const read = await readTopic(broker().addresses, { topic, count: 4 });
    expect(read.map(({ key, value, headers: found }) => [key, value, found])).toEqual([
      ["BTCUSDT", "€1", headers],
      ["", "", {}],
      ["GONE", null, {}],
      [null, "x", { empty: "" }],
    ]);
  });

  it("gives each key the partition that Java's clients give it", async () => {
    const topic = await broker().createTopic({ partitions: 7 });
    const producer = open(broker().addresses);
    const records = Object.keys(MURMUR2).map((key) => record("1", { key }));
    await producer.send(topic, records, { timeoutMs: TIMEOUT_MS });
    const expected = Array.from({ length: 7 }, () => 0);
    for (const hash of Object.values(MURMUR2)) expected[(hash & 0x7fffffff) % 7]! += 1;
    expect(await broker().endOffsets(topic)).toEqual(expected);
  });

  it("spreads records without a key", async () => {
    const topic = await broker().createTopic({ partitions: 3 });
    const records = Array.from({ length: 9 }, (_, i) => record(String(i), { key: null }));
    await open(broker().addresses).send(topic, records, { timeoutMs: TIMEOUT_MS });
    expect(await broker().endOffsets(topic)).toEqual([3, 3, 3]);
  });

  it("keeps a key's order over many sends at once", async () => {
    const topic = await broker().createTopic({ partitions: 1 });
    const producer = open(broker().addresses);
    const sends = Array.from({ length: 20 }, (_, i) =>
      producer.send(topic, [record(String(i))], { timeoutMs: TIMEOUT_MS }),
    );
    expect(await Promise.all(sends)).toEqual(
      Array.from({ length: 20 }, () => ({ acknowledged: 1 })),
    );
    const read = await readTopic(broker().addresses, { topic, count: 20 });
    expect(read.map(({ value }) => Number(value))).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it("takes more than the broker takes in one batch", async () => {
    const topic = await broker().createTopic({ partitions: 1 });
    const delivery = await open(broker().addresses).send(topic, recordsOf(500, 4_000), {
      timeoutMs: TIMEOUT_MS,
    });
    expect(delivery).toEqual({ acknowledged: 500 });
    expect(await totalOf(topic)).toBe(500);
  });

  it("says how many of them the broker had before one that is too large", async () => {
    const topic = await broker().createTopic({
      partitions: 1,
      configs: { "max.message.bytes": "600000" },
    });
    const records = [...recordsOf(100, 4_000), ...recordsOf(100, 4_000), ...recordsOf(1, 700_000)];
    const producer = open(broker().addresses);
    const delivery = await producer.send(topic, records, { timeoutMs: TIMEOUT_MS });
    expect(delivery).toMatchObject({ failure: { reason: "too_large" } });
    expect(delivery.acknowledged).toBeGreaterThanOrEqual(200);
    expect(await totalOf(topic)).toBe(delivery.acknowledged);
    expect(await producer.send(topic, [record("1")], { timeoutMs: TIMEOUT_MS })).toEqual({
      acknowledged: 1,
    });
  });

  it("counts the partitions that took theirs when another refused", async () => {
    const topic = await broker().createTopic(ROOM_FOR_SMALL);
    const producer = open(broker().addresses);
    const send = (all: readonly TopicRecord[]) =>
      producer.send(topic, all, { timeoutMs: TIMEOUT_MS });
    // Every partition has its leader then: one without would refuse its records too.
    expect(await send(SMALL)).toEqual({ acknowledged: SMALL.length });
    const delivery = await send([...SMALL, LARGE]);
    expect(delivery).toMatchObject({ failure: { reason: "too_large" } });
    expect(delivery.acknowledged).toBeGreaterThan(0);
    expect(await totalOf(topic)).toBe(SMALL.length + delivery.acknowledged);
  });

  it("knows a topic that is not there", async () => {
    const delivery = await open(broker().addresses).send("nowhere", [record("1")], {
      timeoutMs: TIMEOUT_MS,
    });
    expect(delivery).toMatchObject({ acknowledged: 0, failure: { reason: "unknown_topic" } });
  });

  it.runIf(isOwn)(
    "finds out within the time that its connections are dead, whether told or not",
    async () => {
      const { proxied, proxy, topic, producer } = await openBehindProxy();
      const send = () => producer.send(topic, recordsOf(10), { timeoutMs: LONG_MS });
      expect(await send()).toEqual({ acknowledged: 10 });
      proxy.cut();
      expect(await send()).toEqual({ acknowledged: 10 });
      proxy.silence();
      expect(await send()).toEqual({ acknowledged: 10 });
      const ends = await proxied.endOffsets(topic);
      expect(ends.reduce((sum, offset) => sum + offset, 0)).toBe(30);
    },
    300_000,
  );

  it.runIf(isOwn)(
    "appends once what it sends again because the acknowledgement was lost",
    async () => {
      const { proxied, proxy, topic, producer } = await openBehindProxy();
      const keys = ["a", "b", "c", "d", "e"];
      for (let round = 1; round <= 3; round += 1) {
        void proxy.loseNext(PRODUCE);
        const records = keys.map((key) => record(String(round), { key }));
        expect(await producer.send(topic, records, { timeoutMs: TIMEOUT_MS })).toEqual({
          acknowledged: keys.length,
        });
        expect(proxy.lost()).toBe(round);
      }
      const ends = await proxied.endOffsets(topic);
      expect(ends.reduce((sum, offset) => sum + offset, 0)).toBe(3 * keys.length);
    },
    300_000,
  );

  it.runIf(isOwn)(
    "sends what nobody answered in its time until the broker says what became of it",
    async () => {
      const { proxied, proxy, topic, producer } = await openBehindProxy();
      const send = (timeoutMs: number) => producer.send(topic, recordsOf(10), { timeoutMs });
      expect(await send(TIMEOUT_MS)).toEqual({ acknowledged: 10 });
      // The broker has appended it, and dies before anyone hears of it.
      const lost = proxy.loseNext(PRODUCE);
      const sent = send(SHORT_MS);
      await lost;
      await proxied.kill();
      const delivery = await sent;
      expect(delivery).toMatchObject({
        acknowledged: 0,
        failure: { reason: "unanswered" },
        unanswered: { count: 10 },
      });
      expect(await send(100)).toMatchObject({ acknowledged: 0, failure: { reason: "waiting" } });
      await proxied.restart();
      expect(await delivery.unanswered?.settled).toEqual({ acknowledged: 10, uncertain: 0 });
      expect(await send(TIMEOUT_MS)).toEqual({ acknowledged: 10 });
      const ends = await proxied.endOffsets(topic);
      expect(ends.reduce((sum, offset) => sum + offset, 0)).toBe(30);
    },
    300_000,
  );

  it.runIf(isOwn)(
    "is in no doubt about what a partition refused when another's acknowledgement was lost",
    async () => {
      const { proxied, proxy, producer } = await openBehindProxy();
      const topic = await proxied.createTopic(ROOM_FOR_SMALL);
      expect(await producer.send(topic, SMALL, { timeoutMs: LONG_MS })).toEqual({
        acknowledged: SMALL.length,
      });
      void proxy.loseNext(PRODUCE);
      const delivery = await producer.send(topic, [...SMALL, LARGE], { timeoutMs: LONG_MS });
      expect(proxy.lost()).toBe(1);
      expect(delivery).toMatchObject({ failure: { reason: "too_large" } });
      expect(delivery.unanswered).toBeUndefined();
      const ends = await proxied.endOffsets(topic);
      const appended = ends.reduce((sum, offset) => sum + offset, 0);
      expect(appended).toBe(SMALL.length + delivery.acknowledged);
    },
    300_000,
  );

  it.runIf(isOwn)(
    "says of what nobody answered at first that a partition refused it",
    async () => {
      const { proxied, proxy, producer } = await openBehindProxy();
      const topic = await proxied.createTopic(ROOM_FOR_SMALL);
      expect(await producer.send(topic, SMALL, { timeoutMs: LONG_MS })).toEqual({
        acknowledged: SMALL.length,
      });
      const lost = proxy.loseNext(PRODUCE);
      const sent = producer.send(topic, [...SMALL, LARGE], { timeoutMs: SHORT_MS });
      await lost;
      await proxied.kill();
      const { acknowledged, unanswered } = await sent;
      await proxied.restart();
      const settled = await unanswered?.settled;
      expect(settled?.uncertain).toBe(0);
      const ends = await proxied.endOffsets(topic);
      const appended = ends.reduce((sum, offset) => sum + offset, 0);
      expect(appended).toBe(SMALL.length + acknowledged + (settled?.acknowledged ?? 0));
      expect(await producer.send(topic, SMALL, { timeoutMs: LONG_MS })).toEqual({
        acknowledged: SMALL.length,
      });
    },
    300_000,
  );

  it.runIf(isOwn)(
    "lets nothing overtake what is unanswered",
    async () => {
      const { proxied, proxy, producer } = await openBehindProxy();
      const topic = await proxied.createTopic({ partitions: 1 });
      const send = (value: string, timeoutMs: number) =>
        producer.send(topic, [record(value)], { timeoutMs });
      await send("0", TIMEOUT_MS);
      const lost = proxy.loseNext(PRODUCE);
      const first = send("1", SHORT_MS);
      await lost;
      await proxied.kill();
      expect(await first).toMatchObject({ unanswered: { count: 1 } });
      const later = [send("2", 100_000), send("3", 100_000)];
      await proxied.restart();
      expect(await Promise.all(later)).toEqual([{ acknowledged: 1 }, { acknowledged: 1 }]);
      const read = await readTopic(proxied.addresses, { topic, count: 4 });
      expect(read.map(({ value }) => value)).toEqual(["0", "1", "2", "3"]);
    },
    300_000,
  );

  it.runIf(isOwn)(
    "says of what it leaves unanswered when it is closed that it never was",
    async () => {
      const { proxied, proxy, topic, producer } = await openBehindProxy();
      expect(await producer.send(topic, [record("0")], { timeoutMs: TIMEOUT_MS })).toEqual({
        acknowledged: 1,
      });
      const lost = proxy.loseNext(PRODUCE);
      const sent = producer.send(topic, [record("1")], { timeoutMs: SHORT_MS });
      await lost;
      await proxied.kill();
      const { unanswered } = await sent;
      await producer.close();
      expect(await unanswered?.settled).toEqual({ acknowledged: 0, uncertain: 1 });
    },
    300_000,
  );

  it.runIf(isOwn)(
    "goes on after the broker was killed and started again",
    async () => {
      const topic = await broker().createTopic({ partitions: 3 });
      const producer = open(broker().addresses);
      expect(await producer.send(topic, recordsOf(10), { timeoutMs: TIMEOUT_MS })).toEqual({
        acknowledged: 10,
      });
      await broker().kill();
      const startedAt = performance.now();
      const down = await producer.send(topic, recordsOf(10), { timeoutMs: TIMEOUT_MS });
      expect(down).toMatchObject({
        acknowledged: 0,
        failure: { reason: expect.stringMatching(/^un(reachable|answered)$/) },
      });
      expect(performance.now() - startedAt).toBeLessThan(3 * TIMEOUT_MS);
      await broker().restart();
      expect(await producer.send(topic, recordsOf(10), { timeoutMs: TIMEOUT_MS })).toEqual({
        acknowledged: 10,
      });
      const late = await down.unanswered?.settled;
      expect(late?.uncertain ?? 0).toBe(0);
      expect(await totalOf(topic)).toBe(20 + (late?.acknowledged ?? 0));
    },
    300_000,
  );
});
