/**
 * The whole way of a trade: posted, through a real broker, consumed, served. `TRADES_FILE` names a
 * dump of Binance's to post instead of generated trades.
 */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Producer } from "@platformatic/kafka";
import { Big } from "big.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POISON_REASONS } from "../../lib/trades/decode-trade.ts";
import type { TopicRecord } from "../../lib/trades/topic-record.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import type { HttpHandler } from "../../lib/http-function.ts";
import { currencyOfSymbol, parseBinanceLine, symbolOfFileName } from "../../local/binance.ts";
import { apiEvent, lambdaContext, type RequestSketch } from "../support/api-event.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { sampleLines } from "../support/exposition.ts";
import { startFaultyProxy, type FaultyProxy } from "../support/faulty-proxy.ts";
import { type ProxiedBroker, startBehindProxy } from "../support/kafka/behind-proxy.ts";
import {
  isKafkaGiven,
  type KafkaBroker,
  needsKafka,
  openKafka,
  whyNoKafka,
} from "../support/kafka/broker.ts";
import { startConsumer, type TestConsumer } from "../support/kafka/consumer.ts";
import { recordOf, textRecord } from "../support/kafka/event.ts";
import { startApache } from "../support/kafka/kinds.ts";
import { PRODUCE } from "../support/kafka/lossy-proxy.ts";
import { readTopic } from "../support/kafka/read-topic.ts";
import { startPushgateway, type TestPushgateway } from "../support/pushgateway.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

const GROUP = "consume-trades-test";
const POST_TRADES = 100;
const SETTLE_TIMEOUT_MS = 120_000;
const MAX_POSTS = 100;
/** For counts that are pushed after the answer. */
const WAIT = { timeout: 60_000, interval: 500 };

needsKafka();

let broker: KafkaBroker;
let own: ProxiedBroker | undefined;
let database: TestDynamoDB;
let proxy: FaultyProxy;
let pushgateway: TestPushgateway;
let topic: string;
let deadLetterTopic: string;
let consumer: TestConsumer;
/** Called for each bulk write of trades that the consumer makes. */
let onBulkWrite = () => {};
const handlers: Record<string, HttpHandler> = {};

beforeAll(async () => {
  if (whyNoKafka() !== undefined) return;
  if (!isKafkaGiven) own = await startBehindProxy(startApache);
  broker = own?.broker ?? (await openKafka());
  database = await startTestDynamoDB();
  proxy = await startFaultyProxy({
    target: database.endpoint,
    faultOf: ({ headers }) => {
      if (String(headers["x-amz-target"]).endsWith(".BatchWriteItem")) onBulkWrite();
      return { type: "none" };
    },
  });
  pushgateway = await startPushgateway();
  topic = await broker.createTopic();
  deadLetterTopic = await broker.createTopic({ name: "dead-letters", partitions: 1 });
  const environment = {
    DYNAMODB_ENDPOINT: database.endpoint,
    TABLE_NAME: database.table,
    PUSHGATEWAY_URL: pushgateway.url,
    METRICS_PUSH_TIMEOUT_MS: "20000",
    KAFKA_BROKERS: broker.addresses,
    KAFKA_TRADES_TOPIC: topic,
    KAFKA_DEAD_LETTER_TOPIC: deadLetterTopic,
    LOG_LEVEL: "silent",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  };
  Object.assign(process.env, environment);
  for (const name of ["publish-trades", "list-trades", "summarize-day", "scrape-metrics"]) {
    const loaded = (await import(`../../functions/${name}.ts`)) as { handler: HttpHandler };
    handlers[name] = loaded.handler;
  }
  consumer = startConsumer({
    ...environment,
    DYNAMODB_ENDPOINT: proxy.url,
    CONSUMER_GROUP: GROUP,
    BATCH_SIZE: "250",
  });
}, 180_000);
afterAll(async () => {
  await consumer?.close();
  await proxy?.close();
  await pushgateway?.close();
  await database?.close();
  await broker?.close();
  await own?.proxy.close();
}, 60_000);

async function call(name: string, sketch: RequestSketch) {
  const answer = await handlers[name]?.(apiEvent(sketch), lambdaContext());
  return { status: answer?.statusCode, body: answer?.body ?? "" };
}

/** How many trades were posted, by the status they were answered. */
const posted = new Map<number, number>();

async function postOnce(trades: readonly Trade[]): Promise<number> {
  const headers = { "content-type": "application/json" };
  const sketch = { method: "POST", route: "/trades", headers, body: JSON.stringify(trades) };
  const { status = 0 } = await call("publish-trades", sketch);
  posted.set(status, (posted.get(status) ?? 0) + trades.length);
  return status;
}

/** As a client does: the same request again for as long as the answer is 503. */
async function post(trades: readonly Trade[]): Promise<void> {
  for (let posts = 1; posts <= MAX_POSTS; posts += 1) {
    const status = await postOnce(trades);
    if (status === 202) return;
    expect(status).toBe(503);
    await delay(200);
  }
  throw new Error(`not taken in ${MAX_POSTS} posts`);
}

/** Posts, and kills the broker when it has appended these trades and answered nobody. */
async function postToDyingBroker(trades: readonly Trade[]): Promise<void> {
  const lost = own?.proxy.loseNext(PRODUCE);
  const answer = postOnce(trades);
  await lost;
  await own?.broker.kill();
  expect(await answer).toBe(503);
  await own?.broker.restart();
}

/** Waits until the group has committed all there is. */
async function settled(): Promise<void> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const [end = [], committed = []] = await Promise.all([
      broker.endOffsets(topic),
      broker.committedOffsets(GROUP, topic),
    ]).catch((): number[][] => [[1], [0]]);
    if (end.every((offset, i) => offset === 0 || offset === committed[i])) return;
    if (performance.now() > deadline)
      throw new Error(`committed ${committed.join()} of ${end.join()}: ${consumer.output()}`);
    await delay(100);
  }
}

/** Killed while it applies its next commit: committed to DynamoDB, answered to nobody. */
function killConsumerMidBatch(): void {
  onBulkWrite = () => {
    onBulkWrite = () => {};
    consumer.kill();
  };
}

function tradesToPost(): Trade[] {
  const path = process.env["TRADES_FILE"];
  if (path === undefined)
    return ["BTCUSDT", "ETHUSDT", "SOLUSDT"].flatMap((symbol) =>
      tradeRun({ symbol, count: 800, stepMs: 200_000 }),
    );
  const symbol = symbolOfFileName(basename(path)) ?? "BTCUSDT";
  const currency = currencyOfSymbol(symbol) ?? "USDT";
  const context = { symbol, exchange: "BINANCE", currency, now: 1_700_000_000_000_000 };
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line, i) => parseBinanceLine(line, i + 1, context).trade ?? []);
}

async function served(symbol: string): Promise<Trade[]> {
  const trades: Trade[] = [];
  let cursor: string | null = null;
  do {
    const query: Record<string, string> = { symbol, limit: "1000" };
    if (cursor !== null) query["cursor"] = cursor;
    const page = JSON.parse((await call("list-trades", { query })).body);
    trades.push(...page.trades);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return trades;
}

const inOrder = (trades: readonly Trade[]) =>
  trades.toSorted(
    (a, b) =>
      (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0) ||
      Number(a.trade_id) - Number(b.trade_id),
  );

/** What a day's summary has to say, from the trades themselves. */
function summaryOf(trades: readonly Trade[]) {
  const ordered = inOrder(trades);
  const prices = trades.map(({ price }) => new Big(price)).sort((a, b) => a.cmp(b));
  const volume = trades.reduce((sum, { quantity }) => sum.plus(quantity), new Big(0));
  const notional = trades.reduce(
    (sum, { price, quantity }) => sum.plus(new Big(price).times(quantity)),
    new Big(0),
  );
  return {
    open: ordered[0]?.price,
    high: prices.at(-1)?.toFixed(8),
    low: prices[0]?.toFixed(8),
    close: ordered.at(-1)?.price,
    volume: volume.toFixed(8),
    vwap: divideHalfEven(notional, volume),
    trade_count: trades.length,
  };
}

function divideHalfEven(dividend: Big, divisor: Big): string {
  const Exact = Big();
  Exact.DP = 8;
  Exact.RM = 2;
  return new Exact(dividend.toFixed()).div(divisor.toFixed()).toFixed(8);
}

/** The sum of a family's series with these labels, on the aggregated page. */
async function total(family: string, ...labels: string[]): Promise<number> {
  const { body } = await call("scrape-metrics", { route: "/metrics" });
  return [...sampleLines(body)]
    .filter(([series]) => series.startsWith(`${family}{`))
    .filter(([series]) => labels.every((label) => series.includes(label)))
    .reduce((sum, [, value]) => sum + Number(value), 0);
}

/** A group has -1 of a partition it never committed, as of an empty one. */
const orNone = (offset: number) => Math.max(0, offset);
const sumOf = (offsets: readonly number[]) => offsets.reduce((sum, offset) => sum + offset, 0);

// A broker that was given is not killed.
describe.skipIf(isKafkaGiven)("trades posted while broker and consumer are killed", () => {
  it("are each served once, with exact summaries, and counted as the broker counts them", async () => {
    const all = tradesToPost();
    const pieces = Array.from({ length: Math.ceil(all.length / POST_TRADES) }, (_, i) =>
      all.slice(i * POST_TRADES, (i + 1) * POST_TRADES),
    );
    const quarter = Math.ceil(pieces.length / 4);
    // Once more than needed: the function is connected when its broker dies.
    await post(all.slice(0, 1));
    for (const [index, piece] of pieces.entries()) {
      // Broker, consumer, broker, consumer; each from a state in which all was heard.
      if (index % quarter === 0) {
        await settled();
        if (index % (2 * quarter) === 0) await postToDyingBroker(piece);
        else killConsumerMidBatch();
      }
      await post(piece);
    }
    await settled();
    expect(consumer.kills()).toBe(2);
    expect(consumer.output()).not.toContain("given up");

    for (const [symbol, trades] of Map.groupBy(all, (trade) => trade.symbol)) {
      const listed = await served(symbol);
      const idsOf = (some: readonly Trade[]) => some.map(({ trade_id }) => trade_id);
      expect(idsOf(listed.toReversed())).toEqual(idsOf(inOrder(trades)));
      for (const [date, ofDay] of Map.groupBy(trades, ({ timestamp }) => timestamp.slice(0, 10))) {
        const route = "/summary/{symbol}/{date}";
        const { body } = await call("summarize-day", { route, pathParameters: { symbol, date } });
        expect(JSON.parse(body)).toEqual({ symbol, date, ...summaryOf(ofDay) });
      }
    }
    const end = sumOf(await broker.endOffsets(topic));
    const counts = async () => ({
      produced: await total("kafka_messages_produced_total", `topic="${topic}"`),
      consumed: await total("kafka_messages_consumed_total", `topic="${topic}"`),
      committed: sumOf((await broker.committedOffsets(GROUP, topic)).map(orNone)),
      doubtful:
        (await total("kafka_messages_unanswered_total", `topic="${topic}"`)) -
        (await total("kafka_messages_settled_total", `topic="${topic}"`)),
    });
    await expect
      .poll(counts, WAIT)
      .toEqual({ produced: end, consumed: end, committed: end, doubtful: 0 });
    // Each was taken once, and the first twice; what else is there was answered 503, as the dying
    // broker's were both times, and whatever a busy machine did not answer in time.
    expect(posted.get(202)).toBe(1 + all.length);
    const alsoAppended = end - (posted.get(202) ?? 0);
    expect(alsoAppended).toBeGreaterThanOrEqual(2 * POST_TRADES);
    expect(alsoAppended).toBeLessThanOrEqual(posted.get(503) ?? 0);
    const unanswered = await total("kafka_messages_unanswered_total", `topic="${topic}"`);
    expect(unanswered).toBeGreaterThanOrEqual(2 * POST_TRADES);
    if (process.env["TRADES_FILE"] !== undefined)
      process.stdout.write(`${JSON.stringify({ trades: all.length, end, unanswered })}\n`);
  }, 600_000);
});

describe("a topic with 5 % poison", () => {
  it("has its good records served, its bad ones among the dead letters with reasons, and no partition stuck", async () => {
    const symbol = "POISONUSDT";
    const trades = tradeRun({ symbol, count: 950 });
    const oversize = textRecord(" ".repeat(70_000));
    const kinds: TopicRecord[] = [
      { key: symbol, value: null, headers: {} },
      oversize,
      textRecord("{}", { "schema-version": "9" }),
      textRecord("not JSON"),
      textRecord(JSON.stringify({ ...tradeOf({}), price: "free" })),
      recordOf({ ...trades[0]!, price: "0.00000001" }),
    ];
    const isPoison = (i: number) => i % 20 === 7;
    const good = trades.values();
    const records = Array.from({ length: 1_000 }, (_, i) =>
      isPoison(i) ? kinds[((i - 7) / 20) % kinds.length]! : recordOf(good.next().value!),
    );
    const before = await broker.endOffsets(topic);
    const producer = new Producer({
      clientId: "test",
      bootstrapBrokers: [broker.addresses],
      idempotent: true,
      retries: 10,
    });
    // The trades of a symbol are in one partition; all partitions have poison.
    for (let i = 0; i < records.length; i += 250)
      await producer.send({
        messages: records.slice(i, i + 250).map(({ key, value, headers }, j) => ({
          topic,
          partition: isPoison(i + j) && !isConflict(i + j) ? (i + j) % 3 : 0,
          ...(key === null ? {} : { key: Buffer.from(key) }),
          ...(value === null ? {} : { value: Buffer.from(value) }),
          headers: new Map(
            Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
          ),
        })),
      });
    await producer.close();
    await settled();

    expect((await served(symbol)).toReversed().map(({ trade_id }) => trade_id)).toEqual(
      trades.map(({ trade_id }) => trade_id),
    );
    const [count = 0] = await broker.endOffsets(deadLetterTopic);
    expect(count).toBe(50);
    const letters = await readTopic(broker.addresses, { topic: deadLetterTopic, count });
    const byReason = Map.groupBy(letters, ({ headers }) => headers["dead-letter-reason"]);
    expect(new Set(byReason.keys())).toEqual(new Set(POISON_REASONS));
    for (const { headers } of letters) {
      expect(headers["origin-topic"]).toBe(topic);
      const partition = Number(headers["origin-partition"]);
      expect(Number(headers["origin-offset"])).toBeGreaterThanOrEqual(before[partition] ?? 0);
      expect(headers["dead-letter-detail"]).not.toBe("");
    }
    const places = letters.map(
      ({ headers }) => `${headers["origin-partition"]}:${headers["origin-offset"]}`,
    );
    expect(new Set(places).size).toBe(50);
    const consumed = () => total("kafka_messages_consumed_total", `topic="${topic}"`);
    await expect.poll(consumed, WAIT).toBe(sumOf(await broker.endOffsets(topic)));
    expect(await total("kafka_dead_letters_total", `topic="${topic}"`)).toBe(50);
    expect(await total("kafka_messages_produced_total", `topic="${deadLetterTopic}"`)).toBe(50);
  }, 300_000);
});

/** Only where the trade it contradicts is. */
function isConflict(i: number): boolean {
  return ((i - 7) / 20) % 6 === 5;
}
