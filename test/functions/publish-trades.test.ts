import type { APIGatewayProxyResult } from "aws-lambda";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseTrade } from "../../lib/trades/parse-trade.ts";
import type { HttpHandler } from "../../lib/http-function.ts";
import { apiEvent, lambdaContext } from "../support/api-event.ts";
import {
  needsKafka,
  startKafka,
  whyNoKafka,
  type OwnKafkaBroker,
} from "../support/kafka/broker.ts";
import { readTopic } from "../support/kafka/read-topic.ts";
import { startPushgateway, type TestPushgateway } from "../support/pushgateway.ts";
import { tradeInputs, tradeOf } from "../support/trades.ts";

const TRADE = {
  trade_id: "553287559",
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  asset_class: "CRYPTO",
  timestamp: "2021-01-08T00:00:00.278Z",
  price: "39432.48",
  quantity: "0.000263",
  currency: "USDT",
};
const IDS = {
  message_id: tradeOf({ trade_id: TRADE.trade_id }).message_id,
  exchange: "BINANCE",
  symbol: "BTCUSDT",
  trade_id: "553287559",
};

/** Longer than a broker takes to come back on a busy machine. */
const WAIT = { timeout: 60_000, interval: 200 };

needsKafka({ isOwn: true });

let broker: OwnKafkaBroker;
let pushgateway: TestPushgateway;
let topic: string;
let handler: HttpHandler;

beforeAll(async () => {
  if (whyNoKafka(true) !== undefined) return;
  broker = await startKafka();
  pushgateway = await startPushgateway();
  topic = await broker.createTopic({ partitions: 1 });
  Object.assign(process.env, {
    KAFKA_BROKERS: broker.addresses,
    KAFKA_TRADES_TOPIC: topic,
    PUSHGATEWAY_URL: pushgateway.url,
    METRICS_PUSH_TIMEOUT_MS: "20000",
    LOG_LEVEL: "silent",
  });
  ({ handler } = await import("../../functions/publish-trades.ts"));
}, 120_000);
afterAll(async () => {
  await pushgateway?.close();
  await broker?.close();
});

const JSON_TYPE = { "content-type": "application/json", "x-correlation-id": "abc-1" };

function post(body: string, headers: Record<string, string> = JSON_TYPE) {
  return handler(apiEvent({ method: "POST", route: "/trades", body, headers }), lambdaContext());
}
const publish = (body: unknown) => post(JSON.stringify(body));
const bodyOf = (result: APIGatewayProxyResult) => JSON.parse(result.body) as Record<string, any>;
const produced = async () => (await broker.endOffsets(topic))[0] ?? 0;
const recordsFrom = async (offset: number) =>
  (await readTopic(broker.addresses, { topic, count: await produced() })).slice(offset);

describe("POST /trades", () => {
  it("publishes a trade as it was sent, in canonical form, and answers what it is known by", async () => {
    const before = await produced();
    const result = await publish({ ...TRADE, ingestion_timestamp: "2021-01-08T00:00:01Z" });
    expect([result.statusCode, bodyOf(result)]).toEqual([202, { count: 1, trades: [IDS] }]);
    const [record] = await recordsFrom(before);
    expect(record).toMatchObject({
      key: "BTCUSDT",
      headers: { "correlation-id": "abc-1", "schema-version": "1" },
    });
    expect(JSON.parse(record?.value ?? "")).toEqual({
      ...IDS,
      asset_class: "CRYPTO",
      timestamp: "2021-01-08T00:00:00.278000Z",
      price: "39432.48000000",
      quantity: "0.00026300",
      currency: "USDT",
      side: "UNKNOWN",
      trade_conditions: [],
      ingestion_timestamp: "2021-01-08T00:00:01.000000Z",
      vendor_data: {},
    });
  });

  it("publishes a list of 500 in their order", async () => {
    const before = await produced();
    const trades = Array.from({ length: 500 }, (_, i) => ({ ...TRADE, trade_id: String(i) }));
    const result = await publish(trades);
    expect([result.statusCode, bodyOf(result)["count"]]).toEqual([202, 500]);
    const ids = (await recordsFrom(before)).map(({ value }) => JSON.parse(value ?? "").trade_id);
    expect(ids).toEqual(trades.map(({ trade_id }) => trade_id));
  });

  it("takes whatever a trade may be, and its consumers read the same", async () => {
    const before = await produced();
    const sent: unknown[] = [];
    await fc.assert(
      fc.asyncProperty(fc.array(tradeInputs(), { minLength: 1, maxLength: 20 }), async (trades) => {
        const dated = trades.map((one) => ({ ingestion_timestamp: TRADE.timestamp, ...one }));
        expect((await publish(dated)).statusCode).toBe(202);
        sent.push(...dated);
      }),
      { numRuns: 20 },
    );
    const read = (await recordsFrom(before)).map(({ value }) =>
      parseTrade(JSON.parse(value ?? ""), { now: 0 }),
    );
    expect(read).toEqual(sent.map((one) => parseTrade(one, { now: 0 })));
  });

  it.each<[fact: string, body: unknown, faults: [pointer: string, detail: RegExp][]]>([
    ["a price that is a JSON number", { ...TRADE, price: 1.5 }, [["/price", /float/]]],
    [
      "bad ones among good ones",
      [TRADE, { ...TRADE, side: "HOLD", colour: "red" }, TRADE, { ...TRADE, symbol: undefined }, 7],
      [
        ["/1/colour", /unknown/],
        ["/1/side", /expected BUY/],
        ["/3/symbol", /missing/],
        ["/4", /expected a trade/],
      ],
    ],
    ["no trades", [], [["", /expected 1 to 500 trades, got 0/]]],
    [
      "more trades than it takes",
      Array.from({ length: 501 }, () => TRADE),
      [["", /expected 1 to 500 trades, got 501/]],
    ],
    ["no object", "trade", [["", /expected a trade/]]],
    ["lists in a list", [[TRADE]], [["/0", /expected a trade/]]],
  ])("refuses %s, names every fault, and publishes nothing", async (_fact, body, faults) => {
    const before = await produced();
    const result = await publish(body);
    expect(result.statusCode).toBe(400);
    const { errors } = bodyOf(result) as { errors: { pointer: string; detail: string }[] };
    expect(errors.map(({ pointer }) => pointer)).toEqual(faults.map(([pointer]) => pointer));
    for (const [i, [, detail]] of faults.entries()) expect(errors[i]?.detail).toMatch(detail);
    expect(await produced()).toBe(before);
  });

  it.each([
    ["a missing media type", {}, "[]", 415],
    ["another media type", { "content-type": "text/plain" }, "[]", 415],
    ["another kind of JSON", { "content-type": "application/ld+json" }, "[]", 415],
    ["half of a document", JSON_TYPE, '[{"trade_id":', 400],
    ["no body", JSON_TYPE, "", 400],
    ["more than 1 MiB", JSON_TYPE, JSON.stringify(" ".repeat(1_048_576)), 413],
  ])("refuses %s", async (_fact, headers, body, status) => {
    const result = await post(body, headers);
    expect([result.statusCode, bodyOf(result)["status"]]).toEqual([status, status]);
  });

  it.each([
    ["names", JSON.stringify(Object.fromEntries(Array.from({ length: 90_000 }, (_, i) => [i, 1])))],
    ["trades", JSON.stringify(Array.from({ length: 500 }, () => spoilt(150)))],
    ["a name", JSON.stringify({ ["\u0001".repeat(170_000)]: 1 })],
  ])("answers within what Lambda lets through, however many faults or long %s", async (_, body) => {
    const result = await post(body);
    expect([Buffer.byteLength(body) <= 1_048_576, result.statusCode]).toEqual([true, 400]);
    expect(Buffer.byteLength(result.body)).toBeLessThan(5_000_000);
  });

  it("takes 1 MiB of the largest trades, which a broker would not take in one batch", async () => {
    const before = await produced();
    const data = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [`k${i}`, "x".repeat(200)]),
    );
    const trades = Array.from({ length: 485 }, (_, i) => ({
      ...TRADE,
      trade_id: String(i),
      vendor_data: data,
    }));
    expect(JSON.stringify(trades).length).toBeGreaterThan(1_000_000);
    const result = await publish(trades);
    expect([result.statusCode, (await produced()) - before]).toEqual([202, 485]);
  });

  const pushed = async () => (await fetch(`${pushgateway.url}/metrics`)).text();
  /** As its environment has pushed it. */
  const counted = async () => {
    const family = `kafka_messages_produced_total\\{[^}]*topic="${topic}"[^}]*\\}`;
    return Number(new RegExp(`^${family} (\\S+)$`, "m").exec(await pushed())?.[1]);
  };

  it("counts records that the broker acknowledged, and no others", async () => {
    await expect.poll(counted, WAIT).toBe(await produced());
    expect(await pushed()).toMatch(/kafka_errors_total\{[^}]*reason="unreachable"[^}]*\} 0/);
  });

  it("answers 503 with Retry-After while the broker is down, and 202 once it is back", async () => {
    const before = await produced();
    await broker.kill();
    const down = await publish(TRADE);
    expect(down.statusCode).toBe(503);
    expect(Number(down.headers?.["retry-after"])).toBeGreaterThan(0);
    expect(bodyOf(down)).toMatchObject({ type: "/problems/unavailable", status: 503 });
    expect(down.body).not.toContain("127.0.0.1");
    await broker.restart();
    // The first of them may have waited for what was under way when the broker was killed.
    await expect.poll(async () => (await publish(TRADE)).statusCode, WAIT).toBe(202);
    expect(await produced()).toBeGreaterThan(before);
    await expect.poll(counted, WAIT).toBe(await produced());
  }, 120_000);
});

/** An object with so many unknown fields. */
function spoilt(fields: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: fields }, (_, i) => [`x${i}`, 1]));
}
