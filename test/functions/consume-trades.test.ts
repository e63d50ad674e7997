import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventHandler } from "../../lib/event-function.ts";
import type { KafkaBatchResponse, KafkaEvent } from "../../lib/trades/kafka-event.ts";
import { openTradeStore, type TradeStore } from "../../lib/trades/trade-store.ts";
import { apiEvent, lambdaContext } from "../support/api-event.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { sampleLines } from "../support/exposition.ts";
import { kafkaEvent, recordOf, textRecord } from "../support/kafka/event.ts";
import { startPushgateway, type TestPushgateway } from "../support/pushgateway.ts";
import { tradeRun } from "../support/trades.ts";

let database: TestDynamoDB;
let pushgateway: TestPushgateway;
let handler: EventHandler<KafkaEvent, KafkaBatchResponse>;
let store: TradeStore;

beforeAll(async () => {
  database = await startTestDynamoDB();
  pushgateway = await startPushgateway();
  Object.assign(process.env, {
    DYNAMODB_ENDPOINT: database.endpoint,
    TABLE_NAME: database.table,
    PUSHGATEWAY_URL: pushgateway.url,
    METRICS_PUSH_TIMEOUT_MS: "20000",
    LOG_LEVEL: "silent",
    // No broker: a dead letter can't be produced.
    KAFKA_BROKERS: "",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
  ({ handler } = await import("../../functions/consume-trades.ts"));
  const { client, table } = database;
  store = openTradeStore({ client, table, ttlDays: 0, shards: new Map(), recentShards: 4 });
});
afterAll(async () => {
  await pushgateway.close();
  await database.close();
});

/** Series of this function on the aggregated page, without the labels that all of them have. */
async function metrics(): Promise<Map<string, number>> {
  const { handler: scrape } = await import("../../functions/scrape-metrics.ts");
  const { body } = await scrape(apiEvent({ route: "/metrics" }), lambdaContext());
  return new Map(
    [...sampleLines(body)]
      .filter(([series]) => series.includes('component="consume-trades"'))
      .map(([series, value]) => [
        series.replaceAll(/(?:component|environment|instance|service)="[^"]*",?/g, ""),
        Number(value),
      ]),
  );
}

/** By how much each series has grown. */
function growth(before: Map<string, number>, after: Map<string, number>): Record<string, number> {
  return Object.fromEntries(
    [...after]
      .map(([series, value]) => [series, value - (before.get(series) ?? 0)] as const)
      .filter(
        ([series, by]) =>
          by !== 0 && series.startsWith("kafka_") && !/_(?:sum|bucket)/.test(series),
      ),
  );
}

describe("consume-trades", () => {
  it("counts a record once, when it is let go, and what is asked for again by its reason", async () => {
    await handler(kafkaEvent([]), lambdaContext());
    const before = await metrics();
    expect(before.get('kafka_messages_consumed_total{topic="trades"}')).toBe(0);
    const run = tradeRun({ symbol: "BTCUSDT", count: 20 });
    const records = [
      ...run.slice(0, 12).map(recordOf),
      textRecord("{"),
      ...run.slice(12).map((trade) => recordOf(trade)),
    ];
    const event = kafkaEvent(records);
    const response = await handler(event, lambdaContext());
    expect(response).toEqual({
      batchItemFailures: [{ itemIdentifier: { partition: "trades-0", offset: 12 } }],
    });
    expect(growth(before, await metrics())).toEqual({
      'kafka_messages_consumed_total{topic="trades"}': 12,
      'kafka_consumer_lag_seconds_count{topic="trades"}': 12,
      'kafka_batch_size_count{operation="consume",topic="trades"}': 1,
      'kafka_errors_total{operation="consume",reason="dead_letter",topic="trades"}': 1,
    });
    // All trades are stored; the rest of the records comes again, and counts then.
    const { summary } = await store.summarizeDay("BTCUSDT", "2021-01-08");
    expect(summary?.trade_count).toBe(20);
    const rest = { "trades-0": event.records["trades-0"]?.slice(13) ?? [] };
    expect(await handler({ ...event, records: rest }, lambdaContext())).toEqual({
      batchItemFailures: [],
    });
    expect(growth(before, await metrics())).toMatchObject({
      'kafka_messages_consumed_total{topic="trades"}': 20,
    });
  });

  it("counts a batch once that Kafka delivers again, not having heard that it was done", async () => {
    const run = tradeRun({ symbol: "SOLUSDT", count: 5 });
    const event = kafkaEvent(run.map(recordOf), { startOffset: 100 });
    await handler(event, lambdaContext());
    const before = await metrics();
    const longer = kafkaEvent([...run, ...run].map(recordOf), { startOffset: 100 });
    expect(await handler(longer, lambdaContext())).toEqual({ batchItemFailures: [] });
    expect(growth(before, await metrics())).toMatchObject({
      'kafka_messages_consumed_total{topic="trades"}': 5,
      'kafka_batch_size_count{operation="consume",topic="trades"}': 1,
    });
  });

  it("measures from the trade to its being stored, and from the record to its being consumed", async () => {
    const before = await metrics();
    const [trade] = tradeRun({ symbol: "ETHUSDT", count: 1, start: new Date().toISOString() });
    const record = { ...recordOf(trade!), timestamp: Date.now() - 10_000 };
    await handler(kafkaEvent([record], { startOffset: 1_000 }), lambdaContext());
    const after = await metrics();
    const grown = (series: string) => (after.get(series) ?? 0) - (before.get(series) ?? 0);
    expect(grown('trade_storage_lag_seconds_count{topic="trades"}')).toBe(1);
    expect(grown('kafka_consumer_lag_seconds_sum{topic="trades"}')).toBeGreaterThanOrEqual(10);
  });

  it("refuses what is no batch of Kafka as a whole", async () => {
    await expect(handler({} as KafkaEvent, lambdaContext())).rejects.toThrow("an event of Kafka");
  });
});
