/**
 * How fast consume-trades deals with a batch of 10,000 records, beside the plain way to do so: one
 * conditional put a record, 32 in flight, which keeps no summaries. Both decode the same event and
 * work on a new database each time, in turns. Then the same batch is delivered again, as after a
 * failure, and memory is told as batches go by.
 *
 *   node bench/consume.ts [--records 10000] [--symbols 20] [--ids counter|uuid] [--runs 5]
 *       [--batches 20]
 */

import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ConditionalCheckFailedException, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { machine, median, round } from "./figures.ts";
import { openClient, withDatabase } from "./scratch-database.ts";
import type { OwnDatabase } from "../local/database.ts";
import { numberOption, parseOptions, runCommand, UsageError } from "../local/options.ts";
import { makeSampleTrades } from "../local/sample-trades.ts";
import { consumeBatch } from "../lib/trades/consume-batch.ts";
import { decodeTrade } from "../lib/trades/decode-trade.ts";
import { type KafkaEvent, recordsOf } from "../lib/trades/kafka-event.ts";
import { forEachParallel } from "../lib/trades/parallel.ts";
import { encodeTrade } from "../lib/trades/topic-record.ts";
import { toTradeItem } from "../lib/trades/trade-item.ts";
import { openTradeStore, type TradeStore } from "../lib/trades/trade-store.ts";
import type { Trade } from "../lib/trades/trade.ts";

const PUTS_IN_FLIGHT = 32;
const RECENT_SHARDS = 4;
const PARTITIONS = 3;
const NO_LIMIT_MS = 600_000;
const NOW = 1_800_000_000_000_000;

await runCommand("node bench/consume.ts", main);

interface Sizes {
  readonly records: number;
  readonly symbols: number;
  /** Whether trade ids are random, so that no two are neighbours. */
  readonly isRandom: boolean;
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: {
      records: { type: "string" },
      symbols: { type: "string" },
      ids: { type: "string" },
      runs: { type: "string" },
      batches: { type: "string" },
    },
  });
  const number = (name: keyof typeof values, max: number, fallback: number) =>
    numberOption(name, values[name], { min: name === "batches" ? 0 : 1, max, fallback });
  const { ids = "counter" } = values;
  if (!["counter", "uuid"].includes(ids)) throw new UsageError("--ids: expected counter or uuid");
  const sizes = {
    records: number("records", 1e5, 10_000),
    symbols: number("symbols", 1e4, 20),
    isRandom: ids === "uuid",
  };
  const scratch = mkdtempSync(join(tmpdir(), "k2-bench-"));
  try {
    console.log(machine());
    console.log(`${round(sizes.records)} records of ${sizes.symbols} symbols, ids: ${ids}`);
    await compare(scratch, sizes, number("runs", 100, 5));
    await watchMemory(scratch, sizes, number("batches", 1_000, 20));
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Records a second. */
interface Rates {
  consumed: number;
  again: number;
  put: number;
}

async function compare(scratch: string, sizes: Sizes, runs: number): Promise<void> {
  const event = toEvent(tradesOf(sizes, 0));
  const all: Rates[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const rates: Rates = { consumed: 0, again: 0, put: 0 };
    const measures = [
      async () =>
        withDatabase(scratch, async (database) => measureConsumer(database, event, rates)),
      async () => withDatabase(scratch, async (database) => measurePuts(database, event, rates)),
    ];
    // In turns first and second, so that a machine that gets busier favours neither.
    for (const measure of run % 2 === 0 ? measures.toReversed() : measures) await measure();
    all.push(rates);
    console.log(`run ${run}: ${describe(rates)}`);
  }
  const of = (rate: (rates: Rates) => number) => median(all.map(rate));
  const medians = {
    consumed: of(({ consumed }) => consumed),
    again: of(({ again }) => again),
    put: of(({ put }) => put),
  };
  console.log(`median: ${describe(medians)}`);
  const first = of(({ consumed, put }) => consumed / put).toFixed(2);
  const again = of(({ again, put }) => again / put).toFixed(2);
  console.log(`median ratio: ${first}, of the same batch again ${again}`);
}

function describe({ consumed, again, put }: Rates): string {
  return `consume ${round(consumed)} records/s, again ${round(again)}, conditional puts ${round(put)}`;
}

async function measureConsumer(
  database: OwnDatabase,
  event: KafkaEvent,
  rates: Rates,
): Promise<void> {
  await withStore(database, async (store) => {
    rates.consumed = await rateOf(event, async () => consume(store, event));
    rates.again = await rateOf(event, async () => consume(store, event));
  });
}

/** Without ids, totals or indexes, which such a consumer would need as well. */
async function measurePuts(database: OwnDatabase, event: KafkaEvent, rates: Rates): Promise<void> {
  const client = openClient(database);
  const put = async (trade: Trade) => {
    const place = {
      platformSequence: 1,
      shards: 1,
      recentShards: RECENT_SHARDS,
      expiry: undefined,
    };
    const command = new PutItemCommand({
      TableName: database.table,
      Item: toTradeItem(trade, place),
      ConditionExpression: "attribute_not_exists(pk)",
    });
    await client.send(command).catch((error: unknown) => {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    });
  };
  rates.put = await rateOf(event, async () => {
    const trades = recordsOf(event).flatMap((record) => decodeTrade(record, NOW).trade ?? []);
    await forEachParallel(trades, PUTS_IN_FLIGHT, put);
  });
  client.destroy();
}

/** New trades in each batch; what is in use after a collection. */
async function watchMemory(scratch: string, sizes: Sizes, batches: number): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await withDatabase(scratch, async (database) =>
    withStore(database, async (store) => {
      const heaps: string[] = [];
      for (let at = 1; at <= batches; at += 1) {
        await consume(store, toEvent(tradesOf(sizes, at)));
        collect();
        const { heapUsed, rss } = process.memoryUsage();
        heaps.push(`${(heapUsed / 1e6).toFixed(0)}/${(rss / 1e6).toFixed(0)}`);
      }
      if (batches > 0) console.log(`heap/resident MB after each of ${batches}: ${heaps.join(" ")}`);
    }),
  );
}

/** A day of sample trades, dealt out to symbols in turn. */
function tradesOf({ records, symbols, isRandom }: Sizes, at: number): Trade[] {
  return makeSampleTrades({ date: "2026-11-21", count: records })
    .slice(0, records)
    .map((trade, i) => ({
      ...trade,
      symbol: `SYMBOL${i % symbols}`,
      trade_id: isRandom ? randomUUID() : String(at * records + Math.floor(i / symbols)),
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

async function withStore(
  database: OwnDatabase,
  work: (store: TradeStore) => Promise<void>,
): Promise<void> {
  const client = openClient(database);
  const { table } = database;
  const layout = { ttlDays: 0, shards: new Map<string, number>(), recentShards: RECENT_SHARDS };
  await work(openTradeStore({ client, table, ...layout }));
  client.destroy();
}

async function rateOf(event: KafkaEvent, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (recordsOf(event).length * 1_000) / (performance.now() - startedAt);
}
