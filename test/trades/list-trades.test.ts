import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTradeStore, type TradeStore } from "../../lib/trades/trade-store.ts";
import { parseTradesQuery } from "../../lib/trades/trades-query.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { recordDynamoDB, type RecordingDynamoDB } from "../support/recording-dynamodb.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

const RECENT_SHARDS = 4;
const databases: TestDynamoDB[] = [];
let database: TestDynamoDB;

beforeAll(async () => {
  database = await open();
});
afterAll(() => Promise.all(databases.map((one) => one.close())));

async function open(): Promise<TestDynamoDB> {
  const one = await startTestDynamoDB();
  databases.push(one);
  return one;
}

function storeOf({ client, table }: Pick<TestDynamoDB, "client" | "table">): TradeStore {
  return openTradeStore({
    client,
    table,
    ttlDays: 0,
    shards: new Map(),
    recentShards: RECENT_SHARDS,
  });
}

let symbols = 0;
const freshSymbol = () => `WALKED${(symbols += 1)}`;
const idsOf = (trades: readonly { readonly trade_id: string }[]) =>
  trades.map(({ trade_id }) => trade_id);

describe("a walk while new trades arrive", () => {
  const START = Date.parse("2021-01-08T00:00:00Z");
  const HOURS = 3_600_000;
  /** Hours after the start: within the two days that are walked, and a little after. */
  const arrivals = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { maxLength: 12 });

  it("meets every trade that was there exactly once, and no trade twice", async () => {
    const store = storeOf(database);
    await fc.assert(
      fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 9 }), async (late, limit) => {
        const symbol = freshSymbol();
        const there = tradeRun({ symbol, count: 25, stepMs: 4_000_000 });
        await store.recordTrades(there);
        const arriving = late.map((hours, i) =>
          tradeOf({
            symbol,
            trade_id: String(1_000 + i),
            timestamp: new Date(START + Math.round(hours * HOURS)).toISOString(),
          }),
        );
        const met: string[] = [];
        let cursor: string | undefined;
        for (let page = 0; page < 100; page += 1) {
          const parameters = { symbol, limit: String(limit) };
          const query = parseTradesQuery(
            cursor === undefined ? parameters : { ...parameters, cursor },
          );
          const { trades, nextCursor } = await store.listTrades(query);
          met.push(...idsOf(trades));
          if (nextCursor === undefined) break;
          cursor = nextCursor;
          await store.recordTrades(arriving.splice(0, 2));
        }
        expect(new Set(met).size).toBe(met.length);
        expect(met.filter((id) => Number(id) < 1_000)).toEqual(idsOf(there).toReversed());
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});

describe("the number of requests of a page", () => {
  /** What a page costs on a table whose one trade is this old, asked for in these ways. */
  async function requestsOf(timestamp: string, parameters: Readonly<Record<string, string>>) {
    const fresh = await open();
    await storeOf(fresh).recordTrades([tradeOf({ symbol: "QUIET", timestamp })]);
    const recording: RecordingDynamoDB = await recordDynamoDB(fresh.endpoint);
    const credentials = { accessKeyId: "local", secretAccessKey: "local" };
    const client = new DynamoDBClient({
      endpoint: recording.endpoint,
      region: "us-east-1",
      credentials,
    });
    try {
      const { trades } = await storeOf({ client, table: fresh.table }).listTrades(
        parseTradesQuery(parameters),
      );
      expect(trades).toHaveLength(1);
      return recording.take().length;
    } finally {
      client.destroy();
      recording.close();
    }
  }

  const yesterday = new Date(Date.now() - 86_400_000).toISOString();
  const LONG_AGO = "2002-03-04T05:06:07Z";

  it.each<[string, Record<string, string>, number]>([
    ["of one symbol", { symbol: "QUIET" }, 2],
    ["of one symbol and exchange", { symbol: "QUIET", exchange: "BINANCE" }, 2],
    ["over all symbols", { limit: "10" }, 1 + RECENT_SHARDS],
    ["from long ago on", { symbol: "QUIET", start_time: "2001-10-01T00:00:00Z" }, 2],
  ])("%s is the same however old the newest trade is", async (_what, parameters, most) => {
    const [recent, old] = [
      await requestsOf(yesterday, parameters),
      await requestsOf(LONG_AGO, parameters),
    ];
    expect(old).toBe(recent);
    expect(old).toBeLessThanOrEqual(most + 1);
  });
});
