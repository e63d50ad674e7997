/**
 * How fast consume-trades deals with a batch of 10,000 records, against conditional puts of the same
 * trades one by one, 32 in flight, which keep no summaries. Both decode the same event and work on a
 * new database each time, run as the stack runs it: a process of its own, over HTTP, on disk. Then
 * the same batch again, as after a failure, and what many batches do to the memory.
 *
 *   node --expose-gc bench/consume.ts [--records 10000] [--symbols 20] [--runs 5] [--batches 20]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  paginateScan,
  PutItemCommand,
  type AttributeValue,
} from "@aws-sdk/client-dynamodb";
import { LOCAL_CREDENTIALS, startDatabase, type OwnDatabase } from "../local/database.ts";
import { localFolder } from "../local/folder.ts";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { makeSampleTrades } from "../local/sample-trades.ts";
import { consumeBatch } from "../lib/trades/consume-batch.ts";
import { decodeTrade } from "../lib/trades/decode-trade.ts";
import { type KafkaEvent, recordsOf } from "../lib/trades/kafka-event.ts";
import { encodeTrade } from "../lib/trades/topic-record.ts";
import { openTradeStore, type TradeStore } from "../lib/trades/trade-store.ts";
import type { Trade } from "../lib/trades/trade.ts";

type Item = Record<string, AttributeValue>;

const PUTS_IN_FLIGHT = 32;
const PARTITIONS = 3;
const NO_LIMIT_MS = 600_000;
const NOW = 1_800_000_000_000_000;

await runCommand("node --expose-gc bench/consume.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: {
      records: { type: "string" },
      symbols: { type: "string" },
      runs: { type: "string" },
      batches: { type: "string" },
    },
  });
  const count = numberOption("records", values.records, { min: 10, max: 1e5, fallback: 10_000 });
  const symbols = numberOption("symbols", values.symbols, { min: 1, max: 1e4, fallback: 20 });
  const runs = numberOption("runs", values.runs, { min: 1, max: 100, fallback: 5 });
  const batches = numberOption("batches", values.batches, { min: 0, max: 1_000, fallback: 20 });
  const scratch = mkdtempSync(join(tmpdir(), "k2-bench-"));
  try {
    console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, Node.js ${process.version}`);
    console.log(`${count} records of ${symbols} symbols in ${PARTITIONS} partitions`);
    await compareSpeed({ scratch, event: toEvent(tradesOf(count, symbols, 0)), count, runs });
    if (batches > 0) await watchMemory({ scratch, count, symbols, batches });
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function compareSpeed(options: {
  readonly scratch: string;
  readonly event: KafkaEvent;
  readonly count: number;
  readonly runs: number;
}): Promise<void> {
  const { scratch, event, count, runs } = options;
  const rates: { consumed: number; again: number; put: number }[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const { items, ...first } = await withStore(scratch, async (store, client, table) => {
      const consumed = count / (await secondsFor(() => consume(store, event)));
      const again = count / (await secondsFor(() => consume(store, event)));
      return { consumed, again, items: await readTradeItems(client, table) };
    });
    const put = await withStore(scratch, async (_store, client, table) => {
      const puts = () => putOneByOne(event, items, { client, table });
      return count / (await secondsFor(puts));
    });
    rates.push({ ...first, put });
    console.log(
      `run ${run}: consume ${round(first.consumed)} records/s, again ${round(first.again)}, conditional puts ${round(put)}`,
    );
  }
  const [consumed, again, put] = (["consumed", "again", "put"] as const).map((name) =>
    median(rates.map((rate) => rate[name])),
  ) as [number, number, number];
  console.log(
    `median: consume ${round(consumed)} records/s, again ${round(again)}, conditional puts ${round(put)}`,
  );
  console.log(
    `ratio: ${(consumed / put).toFixed(2)}, of the same batch again ${(again / put).toFixed(2)}`,
  );
}

/** New trades in each batch; what is in use after a collection, as the batches go by. */
async function watchMemory(options: {
  readonly scratch: string;
  readonly count: number;
  readonly symbols: number;
  readonly batches: number;
}): Promise<void> {
  const { scratch, count, symbols, batches } = options;
  await withStore(scratch, async (store) => {
    for (let batch = 1; batch <= batches; batch += 1) {
      await consume(store, toEvent(tradesOf(count, symbols, batch * count)));
      if (batch % Math.ceil(batches / 5) > 0) continue;
      globalThis.gc?.();
      const { heapUsed, rss } = process.memoryUsage();
      console.log(
        `after ${batch} batches: heap ${megabytes(heapUsed)} MB, rss ${megabytes(rss)} MB`,
      );
    }
  });
}

/** A day of sample trades, dealt out to symbols in turn; each symbol's are numbered one by one. */
function tradesOf(count: number, symbols: number, firstId: number): Trade[] {
  return makeSampleTrades({ date: "2026-11-21", count })
    .slice(0, count)
    .map((trade, i) => ({
      ...trade,
      symbol: `SYMBOL${i % symbols}`,
      trade_id: String(firstId + Math.floor(i / symbols)),
    }));
}

/** As Lambda hands it over: a symbol's records are all in one partition. */
function toEvent(trades: readonly Trade[]): KafkaEvent {
  const records: Record<string, KafkaEvent["records"][string][number][]> = {};
  for (const trade of trades) {
    const partition = Number(trade.symbol.slice("SYMBOL".length)) % PARTITIONS;
    const ofPartition = (records[`trades-${partition}`] ??= []);
    const { value } = encodeTrade(trade, { correlationId: "bench" });
    ofPartition.push({
      topic: "trades",
      partition,
      offset: ofPartition.length,
      timestamp: NOW / 1_000,
      timestampType: "CREATE_TIME",
      key: Buffer.from(trade.symbol).toString("base64"),
      value: Buffer.from(value ?? []).toString("base64"),
      headers: [],
    });
  }
  return { eventSource: "SelfManagedKafka", records };
}

async function consume(store: TradeStore, event: KafkaEvent): Promise<void> {
  const { response } = await consumeBatch(event, {
    store,
    sendDeadLetters: () => Promise.reject(new Error("there is no poison here")),
    workMs: NO_LIMIT_MS,
    limitMs: NO_LIMIT_MS,
    now: NOW,
  });
  if (response.batchItemFailures.length > 0) throw new Error("a batch was not dealt with");
}

/** What a consumer without a log of its own does: one conditional put a record. */
async function putOneByOne(
  event: KafkaEvent,
  items: ReadonlyMap<string, Item>,
  { client, table }: { readonly client: DynamoDBClient; readonly table: string },
): Promise<void> {
  const trades = recordsOf(event).map((record) => decodeTrade(record, NOW).trade);
  const queue = trades.values();
  const writer = async () => {
    for (const trade of queue) {
      const Item = items.get(`${trade?.symbol}#${trade?.trade_id}`);
      const put = new PutItemCommand({
        TableName: table,
        Item,
        ConditionExpression: "attribute_not_exists(pk)",
      });
      await client.send(put).catch((error: unknown) => {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: PUTS_IN_FLIGHT }, writer));
}

/** The items that are trades: those in the index over all symbols. */
async function readTradeItems(client: DynamoDBClient, table: string): Promise<Map<string, Item>> {
  const items = new Map<string, Item>();
  for await (const page of paginateScan({ client }, { TableName: table }))
    for (const item of page.Items ?? []) {
      const [, , symbol = "", id = ""] = item["sk"]?.S?.split("#") ?? [];
      if (item["gpk"] !== undefined) items.set(`${symbol}#${Number(id)}`, item);
    }
  return items;
}

async function withStore<Result>(
  scratch: string,
  work: (store: TradeStore, client: DynamoDBClient, table: string) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(scratch, "database-"));
  const database: OwnDatabase = await startDatabase(localFolder({ LOCAL_DIR: folder }));
  const { endpoint, table } = database;
  const client = new DynamoDBClient({
    endpoint,
    region: "us-east-1",
    credentials: LOCAL_CREDENTIALS,
  });
  try {
    const layout = { ttlDays: 0, shards: new Map<string, number>(), recentShards: 4 };
    return await work(openTradeStore({ client, table, ...layout }), client, table);
  } finally {
    client.destroy();
    await database.child.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function secondsFor(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function round(rate: number): string {
  return Math.round(rate).toLocaleString("en-US");
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}
