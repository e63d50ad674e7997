import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseTradesQuery } from "../../lib/trades/trades-query.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { expectStored, newestFirst, openTestStore, walk } from "../support/stored-trades.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

let database: TestDynamoDB;
beforeAll(async () => {
  database = await startTestDynamoDB();
});
afterAll(() => database.close());

const openStore = (options = {}) => openTestStore({ ...database, ...options });

let symbols = 0;
const freshSymbol = () => `SYMBOL${(symbols += 1)}`;

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

describe("the trade store", () => {
  it("gives back every trade once, newest first, whatever the page size", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 120 });
    const store = openStore();
    expect(await store.recordTrades(run)).toMatchObject({ recorded: 120, duplicates: 0 });
    const expected = newestFirst(run).map(({ trade_id, price, quantity }) => ({
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

  it("walks shards of a busy symbol as one", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 80 });
    const store = openStore({ shards: new Map([[symbol, 4]]) });
    await store.recordTrades(run);
    const listed = await walk(store, { symbol, limit: "9" });
    expect(listed.map(({ trade_id }) => trade_id)).toEqual(
      newestFirst(run).map(({ trade_id }) => trade_id),
    );
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
            const writes = [1, 2].map(() =>
              openStore({ client: failing(random) }).recordTrades(trades),
            );
            const results = await Promise.allSettled(writes);
            if (results.some(({ status }) => status === "fulfilled")) return;
          }
          await openStore().recordTrades(trades);
        };
        for (const positions of batches) await deliver(positions);
        const store = openStore();
        // Whoever comes next finishes what an interrupted writer had committed.
        await store.recordTrades([...wanted]);
        await expectStored(store, symbol, [...wanted]);
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

  it("answers to a ping when the table does", async () => {
    await expect(openStore().ping()).resolves.toBeUndefined();
    const elsewhere = openStore({ table: "no-such-table" });
    await expect(elsewhere.ping()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
