/**
 * The trades in DynamoDB: what the functions and the loader see of them.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { encodeCursor } from "./cursor.ts";
import { SENTINEL_KEY } from "./keys.ts";
import { listSymbols } from "./list-symbols.ts";
import { listTrades } from "./list-trades.ts";
import { type Outcome, type RecordingWatch, recordTrades } from "./record-trades.ts";
import { type DaySummary, summarizeDay } from "./summarize-day.ts";
import type { Conflict } from "./split-batch.ts";
import type { SymbolInfo } from "./symbol-totals.ts";
import { openTable, type Pause } from "./table.ts";
import { parseDay } from "./timestamp.ts";
import type { RecordedTrade, Trade } from "./trade.ts";
import type { TradesQuery } from "./trades-query.ts";

/** What the store answers with. */
export type { Conflict, DaySummary, Outcome, RecordingWatch, SymbolInfo };

export interface TradeStoreOptions {
  /** Stays the caller's: the store never destroys it. */
  readonly client: DynamoDBClient;
  readonly table: string;
  /** Days after ingestion when DynamoDB may drop a trade; 0: never. */
  readonly ttlDays: number;
  /** Partitions per day of each busy symbol; others have one. Applies to days that begin later. */
  readonly shards: ReadonlyMap<string, number>;
  /** Partitions per day of the feed over all symbols. Applies to days that begin later. */
  readonly recentShards: number;
  /** Waits between tries. Default: for so many milliseconds. */
  readonly pause?: Pause;
}

/** What came of a batch. `recorded + duplicates + conflicts.length` is its length. */
export interface Recorded extends Outcome {
  readonly capacityUnits: number;
}

/**
 * One page, newest first. It may be short of the limit, even empty, and still have a `nextCursor`;
 * without one there is nothing older in the range.
 */
export interface TradesPage {
  readonly trades: readonly RecordedTrade[];
  readonly nextCursor?: string;
  readonly capacityUnits: number;
}

/**
 * Every method throws a ServiceError when DynamoDB fails: `THROTTLED` with `retryAfterSeconds` when
 * it refused for load, `UNAVAILABLE` otherwise. `capacityUnits` is what DynamoDB said it consumed.
 */
export interface TradeStore {
  /**
   * Records those trades that are new, exactly once, whatever was redelivered, lost or interrupted
   * before. After an error some may be recorded; recording the same batch again is safe.
   */
  recordTrades(trades: readonly Trade[], watch?: RecordingWatch): Promise<Recorded>;
  listTrades(query: TradesQuery): Promise<TradesPage>;
  /** All symbols ever recorded, in alphabetical order. */
  listSymbols(): Promise<{
    readonly symbols: readonly SymbolInfo[];
    readonly capacityUnits: number;
  }>;
  /** @param date `YYYY-MM-DD`. No `summary` when the symbol has no trade on that UTC day. */
  summarizeDay(
    symbol: string,
    date: string,
  ): Promise<{ readonly summary?: DaySummary; readonly capacityUnits: number }>;
  /** Resolves when DynamoDB answers for the table: one consistent read of an item that isn't there. */
  ping(): Promise<void>;
}

/** Opens the store; nothing is sent before the first call. */
export function openTradeStore(options: TradeStoreOptions): TradeStore {
  const { client, table: name, pause = delay, ...recording } = options;
  const open = () => openTable({ client, table: name, pause });
  return {
    recordTrades: async (trades, watch) => {
      const table = open();
      const outcome = await recordTrades(table, trades, { ...recording, ...watch, pause });
      return { ...outcome, capacityUnits: table.capacityUnits() };
    },
    listTrades: async (query) => {
      const table = open();
      const { trades, position } = await listTrades(table, query, { now: Date.now() / 1_000 });
      const page = { trades, capacityUnits: table.capacityUnits() };
      return position === undefined ? page : { ...page, nextCursor: encodeCursor(query, position) };
    },
    listSymbols: async () => {
      const table = open();
      const symbols = await listSymbols(table);
      return { symbols, capacityUnits: table.capacityUnits() };
    },
    summarizeDay: async (symbol, date) => {
      const table = open();
      const day = parseDay(date);
      const summary = day === undefined ? undefined : await summarizeDay(table, symbol, day);
      const capacityUnits = table.capacityUnits();
      return summary === undefined ? { capacityUnits } : { summary, capacityUnits };
    },
    ping: async () => {
      await open().get(SENTINEL_KEY);
    },
  };
}
