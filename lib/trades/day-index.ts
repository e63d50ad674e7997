/**
 * The days that have trades, newest first, and the partitions each day's trades are in. Reading goes
 * by this index, so it never visits a day without trades, however long a symbol was quiet.
 */

import { fromDayItem } from "./day-totals.ts";
import {
  DAYS_PARTITION,
  daysPartition,
  justBelow,
  recentPartition,
  tradePartition,
} from "./keys.ts";
import type { Table } from "./table.ts";
import type { Day } from "./timestamp.ts";
import { type Item, number, text } from "./trade-item.ts";

export interface IndexedDay {
  readonly day: Day;
  /** Partition keys of the table, or of the index over all symbols. */
  readonly partitions: readonly string[];
}

export interface DayIndex {
  /** The next so many days, newest first; fewer at the end, none after it. */
  next(count: number): Promise<IndexedDay[]>;
}

export interface DayRange {
  /** Undefined: all symbols. */
  readonly symbol: string | undefined;
  /** Days of the symbol without a trade of this exchange are passed over; undefined: none are. */
  readonly exchange: string | undefined;
  readonly oldest: Day;
  readonly newest: Day;
  /** Epoch seconds; days whose trades have all expired by then are passed over. */
  readonly now: number;
}

const FIRST_PAGE = 8;
const MAX_PAGE = 512;

/** Opens the index; nothing is read before the first `next`. */
export function openDayIndex(table: Table, range: DayRange): DayIndex {
  const waiting: IndexedDay[] = [];
  const pk = range.symbol === undefined ? DAYS_PARTITION : daysPartition(range.symbol);
  let [highest, page] = [range.newest, FIRST_PAGE];
  const readPage = async () => {
    const { items, lastSortKey } = await table.query({
      KeyConditionExpression: "pk = :pk AND sk BETWEEN :low AND :high",
      ExpressionAttributeValues: {
        ":pk": { S: pk },
        ":low": { S: range.oldest },
        ":high": { S: highest },
      },
      ScanIndexForward: false,
      ConsistentRead: true,
      Limit: page,
    });
    waiting.push(...items.flatMap((item) => toIndexedDay(range, item)));
    highest = justBelow(lastSortKey ?? range.oldest);
    page = Math.min(page * 4, MAX_PAGE);
  };
  return {
    next: async (count) => {
      while (waiting.length < count && highest >= range.oldest) await readPage();
      return waiting.splice(0, count);
    },
  };
}

function toIndexedDay({ symbol, exchange, now }: DayRange, item: Item): IndexedDay[] {
  const day = text(item["sk"]);
  if (symbol === undefined) {
    const shards = Number(number(item["n"]));
    return [{ day, partitions: range(shards).map((shard) => recentPartition(day, shard)) }];
  }
  const { shards, exchanges, expiry } = fromDayItem(item);
  if (expiry !== undefined && expiry < now) return [];
  if (exchange !== undefined && exchanges?.includes(exchange) === false) return [];
  return [{ day, partitions: range(shards).map((shard) => tradePartition(symbol, day, shard)) }];
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
