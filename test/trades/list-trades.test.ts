import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { encodeCursor } from "../../lib/trades/cursor.ts";
import { listTrades } from "../../lib/trades/list-trades.ts";
import { openTable } from "../../lib/trades/table.ts";
import type { TradesPage } from "../../lib/trades/trade-store.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import type { TradesQuery } from "../../lib/trades/trades-query.ts";
import { openTestClient, startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { newestFirst, openTestStore, pages, scan, walk } from "../support/stored-trades.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

let database: TestDynamoDB;
let proxy: FaultyProxy;
beforeAll(async () => {
  database = await startTestDynamoDB();
  proxy = await startFaultyProxy({ target: database.endpoint });
});
afterAll(async () => {
  await proxy.close();
  await database.close();
});

let [symbols, years] = [0, 2030];
const freshSymbol = () => `LISTED${(symbols += 1)}`;
/** A year that no other test has trades in, for the feed over all symbols. */
const freshYear = () => String((years += 1));
const openStore = (options = {}) => openTestStore({ ...database, ...options });
const inYear = (year: string) => ({
  start_time: `${year}-01-01T00:00:00Z`,
  end_time: `${Number(year) + 1}-01-01T00:00:00Z`,
});
const idsOf = (trades: readonly Trade[]) =>
  trades.map(({ exchange, symbol, trade_id }) => `${exchange} ${symbol} ${trade_id}`);

/** What a call asked of DynamoDB: the partition of each query. */
async function partitionsOf(call: (store: ReturnType<typeof openStore>) => Promise<unknown>) {
  const client = openTestClient(proxy.url);
  onTestFinished(() => client.destroy());
  const from = proxy.requests.length;
  await call(openStore({ client }));
  return proxy.requests.slice(from).map(({ body }) => {
    const { ExpressionAttributeValues } = JSON.parse(body.toString()) as {
      ExpressionAttributeValues: Record<string, { S: string }>;
    };
    return ExpressionAttributeValues[":pk"]?.S;
  });
}

describe("walking a range while new trades arrive", () => {
  interface Row {
    readonly exchange: string;
    readonly symbol: string;
    readonly day: number;
    readonly micros: number;
  }
  const rows = fc.array(
    fc.record({
      exchange: fc.constantFrom("BINANCE", "COINBASE"),
      symbol: fc.constantFrom("A", "B"),
      day: fc.integer({ min: 1, max: 4 }),
      // Few enough for many ties.
      micros: fc.nat(3),
    }),
    { maxLength: 14 },
  );
  const runs = fc.record({
    before: rows,
    arrivals: fc.array(rows, { maxLength: 5 }),
    limit: fc.constantFrom("1", "2", "3", "5", "1000"),
    bySymbol: fc.boolean(),
    byExchange: fc.boolean(),
    shards: fc.integer({ min: 1, max: 4 }),
  });

  it("gives every trade once, late ones too where they are older than the cursor", async () => {
    await fc.assert(
      fc.asyncProperty(runs, async ({ before, arrivals, limit, bySymbol, byExchange, shards }) => {
        const [symbol, year] = [freshSymbol(), freshYear()];
        let id = 0;
        const tradesOf = (some: readonly Row[]) =>
          some.map(({ day, micros, ...row }) =>
            tradeOf({
              ...row,
              symbol: symbol + row.symbol,
              trade_id: String((id += 1)),
              timestamp: `${year}-03-0${day}T23:59:59.99999${micros}Z`,
            }),
          );
        const store = openStore({
          shards: new Map([[`${symbol}A`, shards]]),
          recentShards: shards,
        });
        const isAsked = (trade: Trade) =>
          (!bySymbol || trade.symbol === `${symbol}A`) &&
          (!byExchange || trade.exchange === "COINBASE");
        let expected = tradesOf(before);
        await store.recordTrades(expected);
        const parameters = {
          ...inYear(year),
          limit,
          ...(bySymbol ? { symbol: `${symbol}A` } : {}),
          ...(byExchange ? { exchange: "COINBASE" } : {}),
        };
        const listed: Trade[] = [];
        // Nothing arrives before the first page, something before each other.
        const waiting = [[], ...arrivals].values();
        const arriving: Pick<typeof store, "listTrades"> = {
          listTrades: async (query) => {
            const trades = tradesOf(waiting.next().value ?? []);
            await store.recordTrades(trades);
            // Those that belong before what was listed last came too late for this walk.
            const last = listed.at(-1);
            expected = expected.concat(
              trades.filter((trade) => last === undefined || isOlder(trade, last)),
            );
            return store.listTrades(query);
          },
        };
        for await (const page of pages(arriving, parameters)) listed.push(...page);
        expect(idsOf(listed)).toEqual(idsOf(newestFirst(expected.filter(isAsked))));
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  const isOlder = (trade: Trade, last: Trade) => newestFirst([trade, last])[0] === last;
});

describe("shards that change between days", () => {
  it("change nothing about what is listed, nor do late trades of earlier days", async () => {
    const [symbol, year] = [freshSymbol(), freshYear()];
    const dayOf = (day: number, firstId: number) =>
      tradeRun({ symbol, count: 30, firstId, start: `${year}-06-0${day}T00:00:00Z` });
    const [first, second, late] = [dayOf(1, 1), dayOf(2, 31), dayOf(1, 61)];
    const counts: [shards: number, recentShards: number][] = [
      [1, 1],
      [5, 3],
      [2, 7],
    ];
    for (const [at, trades] of [first, second, late].entries()) {
      const [shards = 1, recentShards = 1] = counts[at] ?? [];
      await openStore({ shards: new Map([[symbol, shards]]), recentShards }).recordTrades(trades);
    }
    const expected = idsOf(newestFirst([...first, ...second, ...late]));
    for (const limit of ["7", "1000"]) {
      expect(idsOf(await walk(openStore(), { symbol, limit }))).toEqual(expected);
      expect(idsOf(await walk(openStore(), { ...inYear(year), limit }))).toEqual(expected);
    }
    const partitions = new Set(
      (await scan(database, `T#${symbol}#`)).map(({ pk }) => pk?.S?.slice(2 + symbol.length)),
    );
    const ofDay = (day: string) => [...partitions].filter((pk) => pk?.includes(day)).length;
    expect([ofDay(`${year}0601`), ofDay(`${year}0602`)]).toEqual([1, 5]);
  });
});

describe("the edges of a range", () => {
  it.each([
    ["from a trade's own microsecond on", "2029-12-31T23:59:59.999999Z", undefined, ["3", "2"]],
    ["from the microsecond after", "2030-01-01T00:00:00.000001Z", undefined, []],
    ["up to a trade's own microsecond", undefined, "2029-12-31T23:59:59.999999Z", ["1"]],
    ["up to the microsecond after", undefined, "2030-01-01T00:00:00Z", ["2", "1"]],
    ["of one microsecond", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000001Z", ["3"]],
    ["between trades", "2029-12-31T12:00:00Z", "2029-12-31T13:00:00Z", []],
    ["before all time", undefined, "2001-09-09T01:46:40.000001Z", []],
    ["after all time", "2286-11-20T17:46:39.999999Z", undefined, []],
  ])("%s", async (_fact, start_time, end_time, ids) => {
    const symbol = freshSymbol();
    const store = openStore();
    const times = ["2029-12-31T00:00:00Z", "2029-12-31T23:59:59.999999Z", "2030-01-01T00:00:00Z"];
    await store.recordTrades(
      times.map((timestamp, at) => tradeOf({ symbol, timestamp, trade_id: String(at + 1) })),
    );
    const range = {
      ...(start_time === undefined ? {} : { start_time }),
      ...(end_time === undefined ? {} : { end_time }),
    };
    for (const limit of ["1", "10"]) {
      const listed = await walk(store, { symbol, limit, ...range });
      expect(listed.map(({ trade_id }) => trade_id)).toEqual(ids);
    }
  });

  it("at both ends of time itself", async () => {
    const symbol = freshSymbol();
    const times = ["2001-09-09T01:46:40.000000Z", "2286-11-20T17:46:39.999999Z"];
    await openStore().recordTrades(
      times.map((timestamp, at) => tradeOf({ symbol, timestamp, trade_id: String(at) })),
    );
    const listed = await walk(openStore(), { symbol, limit: "1" });
    expect(listed.map(({ timestamp }) => timestamp)).toEqual(times.toReversed());
  });
});

describe("what a page costs", () => {
  it("is one query besides the index where a symbol was quiet for years", async () => {
    const [quiet, busy] = [freshSymbol(), freshSymbol()];
    const store = openStore();
    await store.recordTrades([tradeOf({ symbol: quiet, timestamp: "2003-01-02T00:00:00Z" })]);
    for (let month = 10; month <= 12; month += 1)
      await store.recordTrades(
        tradeRun({
          symbol: busy,
          count: 10,
          firstId: month * 10,
          stepMs: 80_000_000,
          start: `2024-${month}-01T00:00:00Z`,
        }),
      );
    for (const filters of [{}, { exchange: "BINANCE" }, { start_time: "2001-10-01T00:00:00Z" }]) {
      const asked = await partitionsOf(async (some) => {
        expect(await walk(some, { symbol: quiet, ...filters })).toHaveLength(1);
      });
      expect(asked).toEqual([`D#${quiet}`, `T#${quiet}#20030102#0`]);
    }
  });

  it("is the day's shards besides the index where the newest trade of all is years old", async () => {
    const [symbol, year] = [freshSymbol(), freshYear()];
    await openStore({ recentShards: 3 }).recordTrades([
      tradeOf({ symbol, timestamp: `${year}-01-02T00:00:00Z` }),
    ]);
    const parameters = { end_time: inYear(year).end_time, limit: "1" };
    const asked = await partitionsOf(async (some) => {
      for await (const page of pages(some, parameters)) {
        expect(idsOf(page)).toEqual([`BINANCE ${symbol} 1`]);
        break;
      }
    });
    const shards = [0, 1, 2].map((shard) => `R#${year}0102#${shard}`);
    expect(asked.slice(0, 4)).toEqual(["DAYS", ...shards]);
  });

  it("leaves out days on which an exchange traded nothing of the symbol", async () => {
    const symbol = freshSymbol();
    const store = openStore();
    await store.recordTrades(
      Array.from({ length: 28 }, (_, at) =>
        tradeOf({
          symbol,
          trade_id: String(at),
          exchange: at === 3 ? "RARE" : "COMMON",
          timestamp: new Date(Date.UTC(2021, 1, 1 + at)).toISOString(),
        }),
      ),
    );
    const asked = await partitionsOf(async (some) => {
      expect(idsOf(await walk(some, { symbol, exchange: "RARE" }))).toEqual([`RARE ${symbol} 3`]);
      expect(await walk(some, { symbol, exchange: "NONE" })).toEqual([]);
    });
    expect(asked.filter((pk) => pk !== `D#${symbol}`)).toEqual([`T#${symbol}#20210204#0`]);
  });
});

describe("a page ends early, and the next goes on", () => {
  const exchanges = (symbol: string, count: number, rareAt: number) =>
    Array.from({ length: count }, (_, at) =>
      tradeOf({
        symbol,
        trade_id: String(at),
        exchange: at === rareAt ? "RARE" : "COMMON",
        timestamp: new Date(Date.UTC(2021, 0, 8) + (count - at) * 1_000).toISOString(),
      }),
    );

  it("after as many trades as it may look at", async () => {
    const symbol = freshSymbol();
    // The last to be reached is the one.
    await openStore().recordTrades(exchanges(symbol, 2_000, 1_999));
    const limited = {
      listTrades: async (query: TradesQuery): Promise<TradesPage> => {
        const table = openTable({ ...database, pause: () => Promise.resolve() });
        const { trades, position } = await listTrades(table, query, { now: 0, maxLookedAt: 500 });
        const page = { trades, capacityUnits: 0 };
        return position === undefined
          ? page
          : { ...page, nextCursor: encodeCursor(query, position) };
      },
    };
    const lengths: number[] = [];
    for await (const page of pages(limited, { symbol, exchange: "RARE", limit: "10" }))
      lengths.push(page.length);
    expect(lengths.length).toBeGreaterThan(1);
    expect(lengths.slice(0, -1)).toEqual(lengths.slice(1).map(() => 0));
    expect(lengths.at(-1)).toBe(1);
    // Without the limit one page would do.
    expect(await walk(openStore(), { symbol, exchange: "RARE" })).toHaveLength(1);
  });

  it("after as many queries as it may make", async () => {
    const [symbol, year] = [freshSymbol(), freshYear()];
    const start = Date.parse(inYear(year).start_time);
    // 90 days of 4 shards each, none of them with a trade of the exchange but the oldest.
    const trades = Array.from({ length: 90 }, (_, day) =>
      tradeOf({
        symbol,
        trade_id: String(day),
        exchange: day === 0 ? "RARE" : "COMMON",
        timestamp: new Date(start + day * 86_400_000).toISOString(),
      }),
    );
    await openStore({ recentShards: 4 }).recordTrades(trades);
    const lengths: number[] = [];
    for await (const page of pages(openStore(), { ...inYear(year), exchange: "RARE" }))
      lengths.push(page.length);
    expect(lengths).toEqual([0, 1]);
  });

  it("before it is larger than an answer may be", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 1_000 }).map((trade) => ({
      ...trade,
      trade_conditions: Array.from({ length: 16 }, () => "\u0001".repeat(32)),
      vendor_data: { quotes: '"'.repeat(1_000) },
    }));
    await openStore().recordTrades(run);
    const lengths: number[] = [];
    const listed: Trade[] = [];
    for await (const page of pages(openStore(), { symbol, limit: "1000" })) {
      lengths.push(page.length);
      listed.push(...page);
    }
    expect(lengths.length).toBeGreaterThan(1);
    expect(idsOf(listed)).toEqual(idsOf(newestFirst(run)));
  }, 60_000);
});
