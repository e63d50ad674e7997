import Big from "big.js";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTradeStore, type TradeStore } from "../../lib/trades/trade-store.ts";
import { parseTradesQuery } from "../../lib/trades/trades-query.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

let database: TestDynamoDB;
beforeAll(async () => {
  database = await startTestDynamoDB();
});
afterAll(() => database.close());

const NO_SHARDS: ReadonlyMap<string, number> = new Map();

function openStore(client: DynamoDBClient = database.client, shards = NO_SHARDS): TradeStore {
  return openTradeStore({
    client,
    table: database.table,
    ttlDays: 0,
    shards,
    recentShards: 2,
    pause: () => Promise.resolve(),
  });
}

let symbols = 0;
const freshSymbol = () => `SYMBOL${(symbols += 1)}`;

/** Walks a range to its end. */
async function walk(store: TradeStore, parameters: Record<string, string>) {
  const trades: Awaited<ReturnType<TradeStore["listTrades"]>>["trades"][number][] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 1_000; page += 1) {
    const query = parseTradesQuery(cursor === undefined ? parameters : { ...parameters, cursor });
    const { trades: some, nextCursor } = await store.listTrades(query);
    trades.push(...some);
    cursor = nextCursor;
    if (cursor === undefined) return trades;
  }
  throw new Error("the walk never ended");
}

/** A client that fails in place of some commands, before or after they were carried out. */
function failing(random: () => number): DynamoDBClient {
  return new Proxy(database.client, {
    get(target, property) {
      if (property !== "send") return Reflect.get(target, property) as unknown;
      return async (command: Parameters<DynamoDBClient["send"]>[0]) => {
        const fate = random();
        if (fate < 0.06) throw new Error("crashed before");
        const answer: unknown = await target.send(command);
        if (fate < 0.12) throw new Error("crashed after");
        return answer;
      };
    },
  });
}

/** Open, high, low, close, volume and count as the trades themselves have them. */
function summaryOf(trades: readonly Trade[]) {
  const byTime = [...trades].sort(
    (a, b) =>
      (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0) ||
      Number(a.trade_id) - Number(b.trade_id),
  );
  const prices = trades.map(({ price }) => Big(price)).sort((a, b) => a.cmp(b));
  const volume = trades.reduce((all, { quantity }) => all.plus(quantity), Big(0));
  return {
    open: byTime[0]?.price,
    high: prices.at(-1)?.toFixed(8),
    low: prices[0]?.toFixed(8),
    close: byTime.at(-1)?.price,
    volume: volume.toFixed(8),
    trade_count: trades.length,
  };
}

const byNewest = (trades: readonly Trade[]) =>
  [...trades].sort(
    (a, b) =>
      (a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : 0) ||
      Number(b.trade_id) - Number(a.trade_id),
  );

describe("the trade store", () => {
  it("gives back every trade once, newest first, whatever the page size", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 120 });
    const store = openStore();
    expect(await store.recordTrades(run)).toMatchObject({ recorded: 120, duplicates: 0 });
    const expected = byNewest(run).map(({ trade_id, price, quantity }) => ({
      trade_id,
      price,
      quantity,
    }));
    for (const limit of ["1", "7", "120", "1000"]) {
      const trades = await walk(store, { symbol, limit });
      expect(
        trades.map(({ trade_id, price, quantity }) => ({ trade_id, price, quantity })),
      ).toEqual(expected);
    }
  });

  it("lists from start_time, inclusive, to end_time, exclusive", async () => {
    const symbol = freshSymbol();
    const times = [
      "2021-01-08T00:00:00.000001Z",
      "2021-01-08T00:00:00.000002Z",
      "2021-01-09T00:00:00Z",
    ];
    const store = openStore();
    await store.recordTrades(
      times.map((timestamp, i) => tradeOf({ symbol, trade_id: String(i), timestamp })),
    );
    const [start_time = "", , end_time = ""] = times;
    const listed = await walk(store, { symbol, start_time, end_time });
    expect(listed.map(({ trade_id }) => trade_id)).toEqual(["1", "0"]);
  });

  it("walks shards of a busy symbol as one", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 80 });
    const store = openStore(database.client, new Map([[symbol, 4]]));
    await store.recordTrades(run);
    const listed = await walk(store, { symbol, limit: "9" });
    expect(listed.map(({ trade_id }) => trade_id)).toEqual(
      byNewest(run).map(({ trade_id }) => trade_id),
    );
  });

  it("keeps the first of two trades under one identity, whatever their times", async () => {
    const symbol = freshSymbol();
    const first = tradeOf({ symbol, price: "1" });
    const store = openStore();
    expect(await store.recordTrades([first])).toMatchObject({ recorded: 1 });
    const again = [
      tradeOf({ symbol, price: "1", message_id: "retried" }),
      tradeOf({ symbol, price: "2" }),
      tradeOf({ symbol, price: "1", timestamp: "2022-02-02T00:00:00Z" }),
    ];
    const { recorded, duplicates, conflicts } = await store.recordTrades(again);
    expect({ recorded, duplicates, conflicts: conflicts.length }).toEqual({
      recorded: 0,
      duplicates: 1,
      conflicts: 2,
    });
    expect((await walk(store, { symbol })).map(({ price }) => price)).toEqual(["1.00000000"]);
  });

  it("orders trades of one moment as the exchange numbered them", async () => {
    const symbol = freshSymbol();
    const ids = ["9", "10", "100", "99"];
    const store = openStore();
    await store.recordTrades(ids.map((trade_id) => tradeOf({ symbol, trade_id, price: trade_id })));
    const { summary } = await store.summarizeDay(symbol, "2021-01-08");
    expect(summary).toMatchObject({ open: "9.00000000", close: "100.00000000", trade_count: 4 });
    expect((await walk(store, { symbol })).map(({ trade_id }) => trade_id)).toEqual([
      "100",
      "99",
      "10",
      "9",
    ]);
  });

  it("is exact whatever is redelivered, raced and interrupted", async () => {
    const batch = fc.array(fc.nat(39), { minLength: 1, maxLength: 12 });
    const runs = fc.record({
      batches: fc.array(batch, { minLength: 2, maxLength: 6 }),
      seed: fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ batches, seed }) => {
        const symbol = freshSymbol();
        const all = tradeRun({ symbol, count: 40, stepMs: 3_000_000 });
        const random = () => seed.next().value;
        const wanted = new Set<Trade>();
        const deliver = async (positions: readonly number[]) => {
          const trades = positions.flatMap((position) => all[position] ?? []);
          for (const trade of trades) wanted.add(trade);
          // Two writers at once, each of which may fail anywhere, until one gets through.
          for (let attempt = 0; attempt < 50; attempt += 1) {
            const writes = [1, 2].map(() => openStore(failing(random)).recordTrades(trades));
            const results = await Promise.allSettled(writes);
            if (results.some(({ status }) => status === "fulfilled")) return;
          }
          await openStore().recordTrades(trades);
        };
        for (const positions of batches) await deliver(positions);
        const store = openStore();
        // Whoever comes next finishes what an interrupted writer had committed.
        await store.recordTrades([...wanted]);

        const listed = await walk(store, { symbol, limit: "5" });
        const expected = byNewest([...wanted]);
        expect(listed.map(({ trade_id }) => trade_id)).toEqual(
          expected.map(({ trade_id }) => trade_id),
        );
        const days = Map.groupBy(wanted, ({ timestamp }) => timestamp.slice(0, 10));
        for (const [day, trades] of days) {
          const { summary } = await store.summarizeDay(symbol, day);
          expect(summary).toMatchObject(summaryOf(trades));
        }
        const { symbols: known } = await store.listSymbols();
        expect(known.find((info) => info.symbol === symbol)).toMatchObject({
          trade_count: wanted.size,
        });
      }),
      { numRuns: 12 },
    );
  }, 120_000);

  it("finds the newest trades over all symbols, and no summary of a day without trades", async () => {
    const store = openStore();
    const symbol = freshSymbol();
    await store.recordTrades([tradeOf({ symbol, timestamp: "2100-01-01T00:00:00Z" })]);
    const { trades } = await store.listTrades(parseTradesQuery({ limit: "1" }));
    expect(trades.map((trade) => trade.symbol)).toEqual([symbol]);
    expect((await store.summarizeDay(symbol, "2100-01-02")).summary).toBeUndefined();
  });
});
