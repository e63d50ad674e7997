/**
 * How fast batches of trades are recorded, each exactly once, beside the plain way to do so: one
 * conditional put per trade, 32 in flight. Both work on a new database each time, in turns. Then the
 * same batches are recorded again, which must change nothing, and memory is told batch by batch.
 *
 *   node bench/record-trades.ts [--batch 10000] [--batches 2] [--symbols 20] [--runs 5]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ConditionalCheckFailedException, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { median, machine, round } from "./figures.ts";
import { openClient, withDatabase } from "./scratch-database.ts";
import type { OwnDatabase } from "../local/database.ts";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { forEachParallel } from "../lib/trades/parallel.ts";
import { parseTrade } from "../lib/trades/parse-trade.ts";
import { toTradeItem } from "../lib/trades/trade-item.ts";
import { openTradeStore, type TradeStore } from "../lib/trades/trade-store.ts";
import type { Trade } from "../lib/trades/trade.ts";

const PUTS_IN_FLIGHT = 32;
const RECENT_SHARDS = 4;
/** Batches of the run that looks at memory. */
const MEMORY_BATCHES = 10;

await runCommand("node bench/record-trades.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: {
      batch: { type: "string" },
      batches: { type: "string" },
      symbols: { type: "string" },
      runs: { type: "string" },
    },
  });
  const number = (name: keyof typeof values, max: number, fallback: number) =>
    numberOption(name, values[name], { min: 1, max, fallback });
  const sizes = {
    batch: number("batch", 1e6, 10_000),
    batches: number("batches", 1_000, 2),
    symbols: number("symbols", 1e5, 20),
  };
  const scratch = mkdtempSync(join(tmpdir(), "k2-bench-"));
  try {
    console.log(machine());
    await compare(scratch, sizes, number("runs", 100, 5));
    await watchMemory(scratch, sizes);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Sizes {
  readonly batch: number;
  readonly batches: number;
  readonly symbols: number;
}

async function compare(scratch: string, sizes: Sizes, runs: number): Promise<void> {
  const batches = Array.from({ length: sizes.batches }, (_, at) => makeBatch(sizes, at));
  const trades = batches.flat();
  const [recorded, put]: [number[], number[]] = [[], []];
  const measureStore = async () =>
    recorded.push(await withDatabase(scratch, async (database) => record(database, batches)));
  const measurePuts = async () =>
    put.push(await withDatabase(scratch, async (database) => putEach(database, trades)));
  console.log(`${sizes.batches} batches of ${round(sizes.batch)} over ${sizes.symbols} symbols`);
  for (let run = 0; run <= runs; run += 1) {
    // In turns first and second, so that a machine that gets busier favours neither.
    const order = run % 2 === 0 ? [measureStore, measurePuts] : [measurePuts, measureStore];
    for (const measure of order) await measure();
    // The first in a process is slow, whichever it is.
    if (run === 0) [recorded.length, put.length] = [0, 0];
    else console.log(`run ${run}: ${describeRates(recorded.at(-1) ?? 0, put.at(-1) ?? 0)}`);
  }
  const ratio = median(recorded.map((rate, run) => rate / (put[run] ?? 0)));
  console.log(`median: ${describeRates(median(recorded), median(put))}`);
  console.log(`median ratio: ${ratio.toFixed(2)}`);
}

function describeRates(recorded: number, put: number): string {
  const ratio = (recorded / put).toFixed(2);
  return `recordTrades ${round(recorded)} trades/s, conditional puts ${round(put)} trades/s, ratio ${ratio}`;
}

/** Trades a second; the same batches once more change nothing, or it throws. */
async function record(
  database: OwnDatabase,
  batches: readonly (readonly Trade[])[],
): Promise<number> {
  const client = openClient(database);
  const store = openStore(database, client);
  const startedAt = performance.now();
  for (const batch of batches) await store.recordTrades(batch);
  const seconds = (performance.now() - startedAt) / 1_000;
  const count = batches.flat().length;
  let duplicates = 0;
  for (const batch of batches) duplicates += (await store.recordTrades(batch)).duplicates;
  const { symbols } = await store.listSymbols();
  const known = symbols.reduce((sum, { trade_count }) => sum + trade_count, 0);
  client.destroy();
  if (duplicates !== count || known !== count)
    throw new Error(`${count} trades: ${known} known, ${duplicates} duplicates the second time`);
  return count / seconds;
}

/** Trades a second; without ids, totals or indexes, which such a store would need as well. */
async function putEach(database: OwnDatabase, trades: readonly Trade[]): Promise<number> {
  const client = openClient(database);
  const startedAt = performance.now();
  await forEachParallel(trades, PUTS_IN_FLIGHT, async (trade) => {
    const Item = toTradeItem(trade, {
      platformSequence: 1,
      shards: 1,
      recentShards: RECENT_SHARDS,
      expiry: undefined,
    });
    const condition = { ConditionExpression: "attribute_not_exists(pk)" };
    const command = new PutItemCommand({ TableName: database.table, Item, ...condition });
    await client.send(command).catch((error: unknown) => {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    });
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  client.destroy();
  return trades.length / seconds;
}

/** Heap and resident memory after each batch, all garbage collected. */
async function watchMemory(scratch: string, sizes: Sizes): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await withDatabase(scratch, async (database) => {
    const client = openClient(database);
    const store = openStore(database, client);
    const heaps: string[] = [];
    for (let at = 0; at < MEMORY_BATCHES; at += 1) {
      await store.recordTrades(makeBatch(sizes, at));
      collect();
      const { heapUsed, rss } = process.memoryUsage();
      heaps.push(`${(heapUsed / 1e6).toFixed(0)}/${(rss / 1e6).toFixed(0)}`);
    }
    client.destroy();
    console.log(`heap/resident MB after each of ${MEMORY_BATCHES} batches: ${heaps.join(" ")}`);
  });
}

function openStore({ table }: OwnDatabase, client: ReturnType<typeof openClient>): TradeStore {
  return openTradeStore({
    client,
    table,
    ttlDays: 0,
    shards: new Map(),
    recentShards: RECENT_SHARDS,
  });
}

/** Symbols in turns, as a topic's partition has them; each numbered by itself. */
function makeBatch({ batch, symbols }: Sizes, at: number): Trade[] {
  return Array.from({ length: batch }, (_, index) => {
    const number = at * batch + index;
    const { trade, faults } = parseTrade(
      {
        trade_id: String(553_000_000 + Math.floor(number / symbols)),
        symbol: `SYMBOL${number % symbols}`,
        exchange: "BINANCE",
        asset_class: "CRYPTO",
        timestamp: new Date(Date.UTC(2026, 10, 21) + number * 3).toISOString(),
        price: (39_432.48 + (number % 977) / 100).toFixed(2),
        quantity: (0.000_263 + (number % 7_919) / 1e4).toFixed(6),
        currency: "USDT",
        side: number % 3 === 0 ? "SELL" : "BUY",
      },
      { now: Date.UTC(2026, 10, 22) * 1_000 },
    );
    if (trade === undefined) throw new Error(JSON.stringify(faults));
    return trade;
  });
}
