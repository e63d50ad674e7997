/**
 * Lists trades newest first: the days that have any, from the newest on, and of each day its
 * partitions side by side, merged.
 */

import { type IndexedDay, openDayIndex } from "./day-index.ts";
import { type Lane, openLane } from "./lane.ts";
import { countThatFit } from "./page-size.ts";
import { forEachParallel } from "./parallel.ts";
import type { Table } from "./table.ts";
import { dayOf, endOfDay, type Micros16 } from "./timestamp.ts";
import { fromTradeItem, type Item, text } from "./trade-item.ts";
import type { RecordedTrade } from "./trade.ts";
import type { TradesQuery } from "./trades-query.ts";

export interface ListedTrades {
  readonly trades: readonly RecordedTrade[];
  /** Sort key or time below which there may be more; undefined: the range has no more. */
  readonly position: string | undefined;
}

/**
 * Queries of a page after which it looks no further; what it did not reach is left to the next page.
 * So a filter that few trades pass makes short pages, and not late ones.
 */
const MAX_QUERIES = 200;
/** Trades looked at after which it looks no further either. */
const MAX_LOOKED_AT = 20_000;
const MAX_PARALLEL = 32;
/** How much further each round of reads looks when a filter may leave out most of what it sees. */
const FILTERED_GROWTH = 4;
/** Most trades that a query looks at. */
const MAX_READ = 1_000;

const LOWEST_TIME: Micros16 = "1000000000000000";
/** Sorts above every trade. */
const ABOVE_ALL = "9999999999999999~";

export interface ListOptions {
  /** Epoch seconds. */
  readonly now: number;
  /** For tests: so many trades looked at are enough. Default 20,000. */
  readonly maxLookedAt?: number;
}

interface Range {
  readonly lowest: Micros16;
  /** Sort key or time, exclusive. */
  readonly below: string;
}

/**
 * Lists a page. It is short, perhaps empty, and has a position where it looked at as much as a page
 * may, or found as much as an answer holds.
 */
export async function listTrades(
  table: Table,
  query: TradesQuery,
  { now, maxLookedAt = MAX_LOOKED_AT }: ListOptions,
): Promise<ListedTrades> {
  const range = rangeOf(query);
  if (range.below <= range.lowest) return { trades: [], position: undefined };
  const { symbol, exchange, limit } = query;
  const days = openDayIndex(table, { symbol, exchange, ...daysOf(range), now });
  const found: Item[] = [];
  const growth = exchange === undefined ? 1 : FILTERED_GROWTH;
  let lanes: readonly Lane[] = [];
  for (let [queries, lookedAt, windowDays, round] = [0, 0, 1, 0]; ; round++) {
    takeInOrder(lanes, found, limit + 1);
    if (found.length > limit) return toPage(found.slice(0, limit), positionOf(found[limit - 1]));
    let unread = lanesToReadOn(lanes);
    if (unread.length === 0) {
      const window = await days.next(windowDays);
      lanes = unread = window.flatMap((day) => openLanes(table, { query, range, day }));
      windowDays = nextWindow(windowDays, window);
    }
    if (unread.length === 0) return toPage(found, undefined);
    if (queries >= MAX_QUERIES || lookedAt >= maxLookedAt)
      return toPage(found, highestOf(lanes)?.bound());
    queries += unread.length;
    const missing = limit + 1 - found.length;
    const count = Math.min(readCount(missing, unread.length) * growth ** round, MAX_READ);
    await forEachParallel(unread, MAX_PARALLEL, async (lane) => {
      lookedAt += await lane.read(count);
    });
  }
}

function rangeOf({ startTime, endTime, before }: TradesQuery): Range {
  const ends = [endTime, before, ABOVE_ALL].filter((end) => end !== undefined);
  return { lowest: startTime ?? LOWEST_TIME, below: ends.sort()[0] ?? ABOVE_ALL };
}

/** The days of a range that is not empty; a time itself is left out at the upper end. */
function daysOf({ lowest, below }: Range) {
  const highest = below.length === lowest.length ? String(BigInt(below) - 1n) : below;
  return { oldest: dayOf(lowest), newest: dayOf(highest) };
}

function openLanes(
  table: Table,
  options: { readonly query: TradesQuery; readonly range: Range; readonly day: IndexedDay },
): Lane[] {
  const { query, range, day } = options;
  const end = endOfDay(day.day);
  return day.partitions.map((partition) =>
    openLane(table, {
      day: day.day,
      partition,
      isRecent: query.symbol === undefined,
      lowest: range.lowest,
      below: end < range.below ? end : range.below,
      exchange: query.exchange,
    }),
  );
}

/** Moves what is known to be next, until a lane has to be read on or there are enough. */
function takeInOrder(lanes: readonly Lane[], found: Item[], enough: number): void {
  while (found.length < enough) {
    const next = highestOf(lanes)?.waiting.shift();
    if (next === undefined) return;
    found.push(next);
  }
}

/** The lane with what comes next; of two that may have it, the one that was read. */
function highestOf(lanes: readonly Lane[]): Lane | undefined {
  let highest: Lane | undefined;
  for (const lane of lanes) {
    const [bound, best] = [lane.bound(), highest?.bound()];
    if (bound === undefined) continue;
    if (best === undefined || bound > best || (bound === best && lane.waiting.length > 0))
      highest = lane;
  }
  return highest;
}

/** Where nothing is waiting though more may follow, on the day that comes next. */
function lanesToReadOn(lanes: readonly Lane[]): Lane[] {
  const day = highestOf(lanes)?.day;
  return lanes.filter(
    (lane) => lane.day === day && lane.waiting.length === 0 && lane.bound() !== undefined,
  );
}

/** Windows grow as days turn out short, up to what is read in parallel. */
function nextWindow(days: number, window: readonly IndexedDay[]): number {
  const partitions = window[0]?.partitions.length ?? 1;
  return Math.min(days * 2, Math.ceil(MAX_PARALLEL / partitions));
}

/**
 * How many trades to ask each lane for: an even share of what is missing, and as many more as chance
 * may ask of one.
 */
function readCount(missing: number, lanes: number): number {
  if (lanes === 1) return missing;
  const share = missing / lanes;
  return Math.min(missing, Math.ceil(share + 2 * Math.sqrt(share)) + 1);
}

/** @param position where a page of all of these ends. */
function toPage(found: readonly Item[], position: string | undefined): ListedTrades {
  const trades = found.map(fromTradeItem);
  const count = countThatFit(trades);
  return count === trades.length
    ? { trades, position }
    : { trades: trades.slice(0, count), position: positionOf(found[count - 1]) };
}

function positionOf(item: Item | undefined): string {
  return text(item?.["sk"]);
}
