/**
 * How long pages of trades take, each beside one bare Query for as many items: by symbol, over all
 * symbols, of a symbol that was quiet for years, of a table whose newest trade is years old. A day of
 * sample trades, on disk, in a process of its own; the two take turns.
 *
 *   node bench/list-trades.ts [--trades 20000] [--rounds 50]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DynamoDBClient, QueryCommand } from "@aws-sdk/client-dynamodb";
import { machine, median } from "./figures.ts";
import { openClient, withDatabase } from "./scratch-database.ts";
import type { OwnDatabase } from "../local/database.ts";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { dayBefore, makeSampleTrades } from "../local/sample-trades.ts";
import { parseTrade } from "../lib/trades/parse-trade.ts";
import { openTradeStore, type TradeStore } from "../lib/trades/trade-store.ts";
import type { Trade } from "../lib/trades/trade.ts";
import { parseTradesQuery } from "../lib/trades/trades-query.ts";

/** What is asked for, and the partition that the bare Query reads. */
type Case = readonly [
  name: string,
  parameters: Readonly<Record<string, string>>,
  partition: string,
];

const QUIET_DAY = "2003-01-02";

await runCommand("node bench/list-trades.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: { trades: { type: "string" }, rounds: { type: "string" } },
  });
  const count = numberOption("trades", values.trades, { min: 100, max: 1e7, fallback: 20_000 });
  const rounds = numberOption("rounds", values.rounds, { min: 1, max: 1e4, fallback: 50 });
  const date = dayBefore(new Date());
  const day = `T#BTCUSDT#${date.replaceAll("-", "")}#0`;
  const quiet = makeTrade({ symbol: "QUIET", timestamp: `${QUIET_DAY}T00:00:00Z` });
  const noon = { end_time: `${date}T12:00:00Z` };
  const scratch = mkdtempSync(join(tmpdir(), "k2-bench-"));
  try {
    console.log(machine());
    await measure(scratch, [...makeSampleTrades({ date, count }), quiet], rounds, [
      ["100 of a symbol", { symbol: "BTCUSDT" }, day],
      ["1,000 of a symbol", { symbol: "BTCUSDT", limit: "1000" }, day],
      ["100 of a symbol before noon", { symbol: "BTCUSDT", ...noon }, day],
      ["100 over all symbols", {}, day],
      ["1,000 over all symbols", { limit: "1000" }, day],
      ["100 over all symbols before noon", noon, day],
      ["a symbol quiet for 20 years", { symbol: "QUIET" }, "T#QUIET#20030102#0"],
      ["a symbol that is not there", { symbol: "NONE" }, "T#NONE#20030102#0"],
      ["an exchange that is not there, of a symbol", { symbol: "BTCUSDT", exchange: "NONE" }, day],
      ["an exchange that is not there", { exchange: "NONE" }, day],
    ]);
    await measure(scratch, [quiet], rounds, [
      ["the newest of all is 20 years old", {}, "T#QUIET#20030102#0"],
    ]);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function measure(
  scratch: string,
  trades: readonly Trade[],
  rounds: number,
  cases: readonly Case[],
): Promise<void> {
  await withDatabase(scratch, async (database) => {
    const client = openClient(database);
    const { table } = database;
    const options = { ttlDays: 0, shards: new Map<string, number>(), recentShards: 4 };
    const store = openTradeStore({ client, table, ...options });
    await store.recordTrades(trades);
    for (const one of cases) await compare(one, { client, store, database, rounds });
    client.destroy();
  });
}

interface Comparison {
  readonly client: DynamoDBClient;
  readonly store: TradeStore;
  readonly database: OwnDatabase;
  readonly rounds: number;
}

async function compare(
  [name, parameters, partition]: Case,
  { client, store, database, rounds }: Comparison,
): Promise<void> {
  const query = parseTradesQuery(parameters);
  const bare = new QueryCommand({
    TableName: database.table,
    KeyConditionExpression: "pk = :pk",
    ExpressionAttributeValues: { ":pk": { S: partition } },
    ScanIndexForward: false,
    Limit: query.limit,
  });
  const [pages, queries]: [number[], number[]] = [[], []];
  let count = 0;
  for (let round = -2; round < rounds; round += 1) {
    const page = await timed(async () => {
      count = (await store.listTrades(query)).trades.length;
    });
    const one = await timed(async () => client.send(bare));
    if (round >= 0) [pages[round], queries[round]] = [page, one];
  }
  const [page, one] = [median(pages), median(queries)];
  console.log(
    `${name}: ${count} trades in ${page.toFixed(1)} ms, bare Query ${one.toFixed(1)} ms, ` +
      `ratio ${(page / one).toFixed(1)}`,
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function makeTrade(fields: { readonly symbol: string; readonly timestamp: string }): Trade {
  const { trade, faults } = parseTrade(
    {
      trade_id: "1",
      exchange: "BINANCE",
      asset_class: "CRYPTO",
      price: "39432.48",
      quantity: "0.000263",
      currency: "USDT",
      ...fields,
    },
    { now: Date.now() * 1_000 },
  );
  if (trade === undefined) throw new Error(JSON.stringify(faults));
  return trade;
}
