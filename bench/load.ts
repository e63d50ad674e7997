/**
 * How fast the loader is, against the most the same database takes of the same items: its own
 * BatchWriteItem. Both work on a new database each time, run as the stack runs it: a process of its
 * own, over HTTP, on disk.
 *
 *   node bench/load.ts [FILE] [--trades 20000] [--runs 5]
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BatchWriteItemCommand, paginateScan, type AttributeValue } from "@aws-sdk/client-dynamodb";
import { median, machine, round } from "./figures.ts";
import { openClient, withDatabase } from "./scratch-database.ts";
import {
  currencyOfSymbol,
  formatBinanceLine,
  parseBinanceLine,
  symbolOfFileName,
} from "../local/binance.ts";
import { openTrades, type OwnDatabase } from "../local/database.ts";
import { loadFile } from "../local/load-file.ts";
import { NOTHING_LOADED } from "../local/load-state.ts";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { makeSampleTrades } from "../local/sample-trades.ts";
import { openTradeFile } from "../local/trade-file.ts";
import { loadConfig } from "../lib/config/service-config.ts";

type Item = Record<string, AttributeValue>;

const BATCH_ITEMS = 25;
/** The number in flight at which dynalite takes most. */
const BATCHES_IN_FLIGHT = 4;
/** Share of the generated day that is BTCUSDT's. */
const BTCUSDT_SHARE = 0.3;

await runCommand("node bench/load.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions({
    args: [...argv],
    allowPositionals: true,
    options: { trades: { type: "string" }, runs: { type: "string" } },
  });
  const trades = numberOption("trades", values.trades, { min: 100, max: 1e7, fallback: 20_000 });
  const runs = numberOption("runs", values.runs, { min: 1, max: 100, fallback: 5 });
  const scratch = mkdtempSync(join(tmpdir(), "k2-bench-"));
  try {
    const path = positionals[0] ?? writeTrades(scratch, trades);
    console.log(machine());
    // Once for nothing: the first in a process is slow, whichever it is.
    const { items } = await withDatabase(scratch, async (database) => load(path, database));
    await withDatabase(scratch, async (database) => batchWrite(items, database));
    const loads: number[] = [];
    const batches: number[] = [];
    for (let run = 1; run <= runs; run += 1) {
      const measureLoad = async () =>
        loads.push((await withDatabase(scratch, async (database) => load(path, database))).rate);
      const measureBatches = async () =>
        batches.push(await withDatabase(scratch, async (database) => batchWrite(items, database)));
      // In turns first and second, so that a machine that gets busier favours neither.
      const order = run % 2 === 0 ? [measureLoad, measureBatches] : [measureBatches, measureLoad];
      for (const measure of order) await measure();
      const [rate = 0, written = 0] = [loads.at(-1), batches.at(-1)];
      console.log(
        `run ${run}: load ${round(rate)} trades/s, BatchWriteItem ${round(written)} items/s, ` +
          `ratio ${(rate / written).toFixed(2)}`,
      );
    }
    const [loaded, written] = [median(loads), median(batches)];
    const ratio = median(loads.map((rate, run) => rate / (batches[run] ?? 0)));
    console.log(`median: load ${round(loaded)} trades/s, BatchWriteItem ${round(written)} items/s`);
    console.log(`median ratio: ${ratio.toFixed(2)}`);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function writeTrades(folder: string, count: number): string {
  const day = makeSampleTrades({ date: "2026-11-21", count: Math.ceil(count / BTCUSDT_SHARE) });
  const lines = day.filter((trade) => trade.symbol === "BTCUSDT").map(formatBinanceLine);
  const path = join(folder, "BTCUSDT-trades-2026-11-21.csv");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/** Loads the file as `npm run load` does; answers trades a second, and the items these became. */
async function load(path: string, database: OwnDatabase): Promise<{ rate: number; items: Item[] }> {
  const file = await openTradeFile(path);
  const symbol = symbolOfFileName(file.csvName) ?? "BTCUSDT";
  const context = {
    symbol,
    exchange: "BINANCE",
    currency: currencyOfSymbol(symbol) ?? "USDT",
    now: Date.now() * 1_000,
  };
  const trades = openTrades({ ...database, isOwn: true }, loadConfig({}));
  try {
    const startedAt = performance.now();
    const { recorded } = await loadFile({
      file,
      from: NOTHING_LOADED,
      parse: (line, lineNumber) => parseBinanceLine(line, lineNumber, context),
      record: async (chunk) => trades.store.recordTrades(chunk),
      onChunk: () => {},
    });
    const seconds = (performance.now() - startedAt) / 1_000;
    return { rate: recorded / seconds, items: await readTradeItems(database) };
  } finally {
    trades.close();
  }
}

/** The items that are trades: those in the index over all symbols. */
async function readTradeItems(database: OwnDatabase): Promise<Item[]> {
  const client = openClient(database);
  const items: Item[] = [];
  for await (const page of paginateScan({ client }, { TableName: database.table }))
    items.push(...(page.Items ?? []).filter((item) => item["gpk"] !== undefined));
  client.destroy();
  return items;
}

/** Writes the items as fast as it goes; answers items a second. */
async function batchWrite(items: readonly Item[], database: OwnDatabase): Promise<number> {
  const client = openClient(database);
  const batches = Array.from({ length: Math.ceil(items.length / BATCH_ITEMS) }, (_, at) =>
    items.slice(at * BATCH_ITEMS, (at + 1) * BATCH_ITEMS),
  ).values();
  const writer = async () => {
    for (const batch of batches)
      await client.send(
        new BatchWriteItemCommand({
          RequestItems: { [database.table]: batch.map((Item) => ({ PutRequest: { Item } })) },
        }),
      );
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, writer));
  const seconds = (performance.now() - startedAt) / 1_000;
  client.destroy();
  return items.length / seconds;
}
