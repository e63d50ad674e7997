/**
 * The index of days that have trades of any symbol. A day's entry says over how many partitions its
 * feed is spread, which its first writer decides for all.
 */

import { ServiceError } from "../errors.ts";
import { later } from "./day-totals.ts";
import { anyDayKey } from "./keys.ts";
import type { Table } from "./table.ts";
import type { Day } from "./timestamp.ts";
import { type Item, number } from "./trade-item.ts";

/** Makes sure of days, asking for each only once per call. */
export interface RecentDays {
  /**
   * Enters the day in the index unless it is there, and keeps its entry for as long as its trades.
   * @param expiry epoch seconds of the last trade to expire; undefined: never.
   * @returns over how many partitions the day's feed is spread.
   */
  shardsOf(day: Day, expiry: number | undefined): Promise<number>;
}

interface Entry {
  readonly shards: number;
  /** Epoch seconds; undefined: never. */
  readonly expiry: number | undefined;
}

/** Entries live on whole days, so that each is rewritten at most once a day. */
const SECONDS_PER_DAY = 86_400;
/** DynamoDB may drop expired items days late; the entry goes after them. */
const GRACE_SECONDS = 7 * SECONDS_PER_DAY;
const MAX_TRIES = 10;

/** @param shards partitions for days that are new. */
export function openRecentDays(table: Table, shards: number): RecentDays {
  const known = new Map<Day, Promise<Entry>>();
  return {
    shardsOf: async (day, lastExpiry) => {
      const expiry = lastExpiry === undefined ? undefined : roundUp(lastExpiry + GRACE_SECONDS);
      const before = known.get(day);
      const entry = (async () => {
        const found = await before;
        return found !== undefined && isKept(found, expiry)
          ? found
          : ensure(table, day, { shards, expiry });
      })();
      known.set(day, entry);
      return (await entry).shards;
    },
  };
}

async function ensure(table: Table, day: Day, wanted: Entry): Promise<Entry> {
  const key = anyDayKey(day);
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const item = await table.get(key);
    const found = item === undefined ? undefined : fromItem(item);
    if (found !== undefined && isKept(found, wanted.expiry)) return found;
    const entry: Entry =
      found === undefined
        ? wanted
        : { shards: found.shards, expiry: later(found.expiry, wanted.expiry) };
    if (await table.put(toItem(day, entry), unchangedSince(found))) return entry;
  }
  throw new ServiceError("UNAVAILABLE", `too many writers of day ${day} at once`, {
    retryAfterSeconds: 1,
  });
}

function isKept(entry: Entry, expiry: number | undefined): boolean {
  return later(entry.expiry, expiry) === entry.expiry;
}

function unchangedSince(entry: Entry | undefined) {
  return entry === undefined
    ? { ConditionExpression: "attribute_not_exists(pk)" }
    : {
        ConditionExpression: "n = :n AND #ttl = :ttl",
        ExpressionAttributeNames: { "#ttl": "ttl" },
        ExpressionAttributeValues: {
          ":n": { N: String(entry.shards) },
          ":ttl": { N: String(entry.expiry) },
        },
      };
}

function toItem(day: Day, { shards, expiry }: Entry): Item {
  const { pk, sk } = anyDayKey(day);
  const item = { pk: { S: pk }, sk: { S: sk }, n: { N: String(shards) } };
  return expiry === undefined ? item : { ...item, ttl: { N: String(expiry) } };
}

function fromItem(item: Item): Entry {
  const ttl = item["ttl"]?.N;
  return { shards: Number(number(item["n"])), expiry: ttl === undefined ? undefined : Number(ttl) };
}

function roundUp(seconds: number): number {
  return Math.ceil(seconds / SECONDS_PER_DAY) * SECONDS_PER_DAY;
}
