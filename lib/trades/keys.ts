/**
 * The keys of every item in the table. They can't change once data exists; docs/design.md says why
 * they are as they are. No symbol, exchange or trade id holds a `#`, so keys can be taken apart.
 */

import { crc32 } from "node:zlib";
import { type Day, dayOfTimestamp, type Micros16, microsOf } from "./timestamp.ts";
import type { Trade } from "./trade.ts";

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** What makes a trade one: no two recorded trades share it, whatever their timestamps. */
export type Identity = Pick<Trade, "exchange" | "symbol" | "trade_id">;

/** What a trade's sort key says of it. */
export interface Position extends Identity {
  readonly time: Micros16;
}

/** GSI over all symbols' trades, by day. */
export const RECENT_INDEX = "recent";

/** Partition of the days that have trades of any symbol, and how each day's feed is sharded. */
export const DAYS_PARTITION = "DAYS";

/** An item that never exists, for asking whether the table answers. */
export const SENTINEL_KEY: Key = { pk: "PING", sk: "PING" };

/** Most ids in a block. */
export const IDS_PER_BLOCK = 256;

/** Sort key of every block of ids. */
export const ID_BLOCK_SORT_KEY = "IDS";

const SYMBOL_PARTITIONS = 8;
const CANONICAL_NUMBER = /^(0|[1-9]\d{0,19})$/;
const NUMBER_DIGITS = 20;
/** Longer numbers are times, or made of them; no exchange has counted that far. */
const MAX_COUNTED_DIGITS = 15;
const TRADE_SORT_KEY = /^([1-9]\d{15})#([^#]{1,32})#([^#]{1,32})#(\d{20}|~[!-"$-~]{1,64})$/;

/** All partitions with symbols. */
export const SYMBOLS_PARTITIONS: readonly string[] = Array.from(
  { length: SYMBOL_PARTITIONS },
  (_, index) => `SYMBOLS#${index}`,
);

/** An identity as one text, for maps. */
export function identityOf({ exchange, symbol, trade_id }: Identity): string {
  return `${exchange}#${symbol}#${trade_id}`;
}

/** The trade's time, as sort keys have it. */
export function timeOf(trade: Pick<Trade, "timestamp">): Micros16 {
  return microsOf(trade.timestamp);
}

/** The UTC day of the trade. */
export function dayOfTrade(trade: Pick<Trade, "timestamp">): Day {
  return dayOfTimestamp(trade.timestamp);
}

/**
 * Sort key of a trade in its own partition and in the feed over all symbols: by time, then ties as
 * the exchange numbered them.
 */
export function tradeSortKey(position: Position): string {
  const { time, exchange, symbol, trade_id } = position;
  return `${time}#${exchange}#${symbol}#${orderedId(trade_id)}`;
}

/** Takes a trade's sort key apart; undefined when it is not one. */
export function parseTradeSortKey(sk: string): Position | undefined {
  const match = TRADE_SORT_KEY.exec(sk);
  if (match === null) return undefined;
  const [, time = "", exchange = "", symbol = "", ordered = ""] = match;
  const trade_id = ordered.startsWith("~") ? ordered.slice(1) : ordered.replace(/^0+(?=\d)/, "");
  return { time, exchange, symbol, trade_id };
}

/** Partition of a symbol's day, or one of its shards. */
export function tradePartition(symbol: string, day: Day, shard: number): string {
  return `T#${symbol}#${day}#${shard}`;
}

/** Partition of the feed over all symbols for one day, or one of its shards. */
export function recentPartition(day: Day, shard: number): string {
  return `R#${day}#${shard}`;
}

/** Which of `shards` partitions a trade belongs to: the same for ever, evenly spread. */
export function shardOf(identity: Identity, shards: number): number {
  return crc32(`${identity.exchange}#${orderedId(identity.trade_id)}`) % shards;
}

/**
 * Where a trade's id is kept: with its neighbours when the exchange counts its trades, by itself
 * otherwise. Each block is a partition of its own, so that no symbol's ids are a hot one.
 */
export function idBlockKey({ exchange, symbol, trade_id }: Identity): Key {
  const block = isCounted(trade_id) ? BigInt(trade_id) / BigInt(IDS_PER_BLOCK) : `~${trade_id}`;
  return { pk: `I#${exchange}#${symbol}#${block}`, sk: ID_BLOCK_SORT_KEY };
}

/** A counted id's place in its block, 0 to 255; 0 for any other. */
export function placeInBlock(tradeId: string): number {
  return isCounted(tradeId) ? Number(BigInt(tradeId) % BigInt(IDS_PER_BLOCK)) : 0;
}

/**
 * True for the ids that share a block with their neighbours. The block of any other holds it alone:
 * it is written once and never changes.
 */
export function isCounted(tradeId: string): boolean {
  return isNumbered(tradeId) && tradeId.length <= MAX_COUNTED_DIGITS;
}

/** The totals of a symbol's day; one partition is the index of a symbol's days. */
export function dayKey(symbol: string, day: Day): Key {
  return { pk: daysPartition(symbol), sk: day };
}

export function daysPartition(symbol: string): string {
  return `D#${symbol}`;
}

/** The symbol itself. */
export function symbolKey(symbol: string): Key {
  return { pk: `SYMBOLS#${crc32(symbol) % SYMBOL_PARTITIONS}`, sk: symbol };
}

/** The head of the symbol's log: the one item that a commit is decided on. */
export function headKey(symbol: string): Key {
  return { pk: `W#${symbol}`, sk: "HEAD" };
}

/** A day's place in the index over all symbols. */
export function anyDayKey(day: Day): Key {
  return { pk: DAYS_PARTITION, sk: day };
}

/**
 * The highest text below a sort key, for ranges that leave the key itself out: BETWEEN takes both
 * ends in. Holds for sort keys of printable ASCII, which all of ours are.
 */
export function justBelow(sk: string): string {
  const last = sk.charCodeAt(sk.length - 1);
  return `${sk.slice(0, -1)}${String.fromCharCode(last - 1)}\u007f`;
}

/**
 * Text that sorts as the exchange numbered its trades: whole numbers padded to 20 digits, then all
 * other ids behind a `~`. Different ids stay different.
 */
function orderedId(tradeId: string): string {
  return isNumbered(tradeId) ? tradeId.padStart(NUMBER_DIGITS, "0") : `~${tradeId}`;
}

function isNumbered(tradeId: string): boolean {
  return CANONICAL_NUMBER.test(tradeId);
}
