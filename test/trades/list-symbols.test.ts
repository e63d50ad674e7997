import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SYMBOLS_PARTITIONS, symbolKey } from "../../lib/trades/keys.ts";
import { toSymbolItem } from "../../lib/trades/symbol-totals.ts";
import { openTable } from "../../lib/trades/table.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { openTestStore } from "../support/stored-trades.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

let database: TestDynamoDB;
beforeAll(async () => {
  database = await startTestDynamoDB();
});
afterAll(() => database.close());

it("lists nothing of an empty table", async () => {
  expect((await openTestStore(database).listSymbols()).symbols).toEqual([]);
});

it("lists symbols that came at the same time, each once and in alphabetical order", async () => {
  const names = Array.from({ length: 40 }, (_, at) => `S${(at * 17) % 40}/X.Y`);
  const trades = names.flatMap((symbol) => tradeRun({ symbol, count: 3 }));
  // Several batches with some of each symbol, all at once.
  const batches = [0, 1, 2].map((part) => trades.filter((_, at) => at % 3 === part));
  await Promise.all(
    batches.map((batch) => openTestStore({ ...database, pause: delay }).recordTrades(batch)),
  );
  const { symbols } = await openTestStore(database).listSymbols();
  expect(symbols.map(({ symbol }) => symbol)).toEqual([...names].sort());
  expect(symbols.map(({ trade_count }) => trade_count)).toEqual(names.map(() => 3));
}, 60_000);

it("tells first and last trade, whatever order they came in, and the exchanges", async () => {
  const store = openTestStore(database);
  const at = (timestamp: string, exchange: string) =>
    tradeOf({ symbol: "TOLD", timestamp, exchange });
  await store.recordTrades([at("2024-05-05T00:00:00Z", "XNYS")]);
  await store.recordTrades([at("2020-01-01T00:00:00Z", "XNAS")]);
  await store.recordTrades([at("2022-02-02T00:00:00.000001Z", "BATS")]);
  const { symbols } = await store.listSymbols();
  expect(symbols.find(({ symbol }) => symbol === "TOLD")).toEqual({
    symbol: "TOLD",
    exchanges: ["BATS", "XNAS", "XNYS"],
    first_trade_time: "2020-01-01T00:00:00.000000Z",
    last_trade_time: "2024-05-05T00:00:00.000000Z",
    trade_count: 3,
  });
});

it("lists more than a query's megabyte of one partition", async () => {
  const exchanges = Array.from({ length: 100 }, (_, at) => `EXCHANGE-${at}`.padEnd(32, "X"));
  const totals = { exchanges, first: "1610064000278000", last: "1610064000278000", count: 1 };
  const [partition] = SYMBOLS_PARTITIONS;
  const names = Array.from({ length: 4_000 }, (_, at) => `LARGE${at}`)
    .filter((symbol) => symbolKey(symbol).pk === partition)
    .slice(0, 400);
  const table = openTable({ ...database, pause: () => Promise.resolve() });
  await table.batchPut(names.map((symbol) => toSymbolItem(totals, { symbol, version: 1 })));
  const { symbols } = await openTestStore(database).listSymbols();
  const listed = symbols.map(({ symbol }) => symbol).filter((name) => name.startsWith("LARGE"));
  expect(listed).toEqual([...names].sort());
});
