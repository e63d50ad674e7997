/**
 * The trades in DynamoDB: what the functions and the loader see of them.
 */

import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { RecordedTrade, Trade } from "./trade.ts";
import type { TradesQuery } from "./trades-query.ts";

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
}

/** A trade refused because another with the same identity but other terms was recorded before it. */
export interface Conflict {
  readonly trade: Trade;
  /** Names of the fields that differ; of `timestamp` alone when the stored trade has expired. */
  readonly fields: readonly string[];
}

/** What came of a batch. `recorded + duplicates + conflicts.length` is its length. */
export interface Recorded {
  readonly recorded: number;
  readonly duplicates: number;
  readonly conflicts: readonly Conflict[];
  readonly capacityUnits: number;
}

/** One page, newest first. Without `nextCursor` there is nothing older in the range. */
export interface TradesPage {
  readonly trades: readonly RecordedTrade[];
  readonly nextCursor?: string;
  readonly capacityUnits: number;
}

/** A symbol as served by `GET /symbols`; times in ISO 8601 with six digits. */
export interface SymbolInfo {
  readonly symbol: string;
  readonly exchanges: readonly string[];
  readonly first_trade_time: string;
  readonly last_trade_time: string;
  readonly trade_count: number;
}

/** A symbol's UTC day as served by `GET /summary/{symbol}/{date}`; decimals with scale 8. */
export interface DaySummary {
  readonly symbol: string;
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly vwap: string;
  readonly trade_count: number;
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
  recordTrades(trades: readonly Trade[]): Promise<Recorded>;
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
  throw new Error(`not built yet: ${options.table}`);
}
