/**
 * The table as one call of the store sees it: whatever number of items, asked for by whatever number
 * of symbols at a time, in requests within DynamoDB's limits, tried again where it left some out.
 */

import type { DynamoDBClient, WriteRequest } from "@aws-sdk/client-dynamodb";
import { ServiceError } from "../errors.ts";
import { throttled } from "./dynamodb-failure.ts";
import type { Key } from "./keys.ts";
import { type Share, shareRequests } from "./shared-requests.ts";
import {
  type Condition,
  openTableRequests,
  type Query,
  type QueryPage,
  type TableRequests,
} from "./table-requests.ts";
import { type Item, text } from "./trade-item.ts";

/** Waits for so many milliseconds; tests pass one that doesn't. */
export type Pause = (ms: number) => Promise<unknown>;

export interface TableOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly pause: Pause;
}

/** Every method throws a ServiceError, `THROTTLED` or `UNAVAILABLE`, when DynamoDB fails. */
export interface Table {
  /** Strongly consistent. */
  get(key: Key): Promise<Item | undefined>;
  /**
   * Strongly consistent, in no order. Items that don't exist are left out. Callers that come at the
   * same time share requests, so all their keys must differ.
   * @param attributes with `pk` and `sk` among them. Default: all.
   */
  batchGet(keys: readonly Key[], attributes?: readonly string[]): Promise<Item[]>;
  /** Puts without a condition, in no order; shared as `batchGet` is. */
  batchPut(items: readonly Item[]): Promise<void>;
  /** False when the condition did not hold. */
  put(item: Item, condition: Condition): Promise<boolean>;
  query(query: Query): Promise<QueryPage>;
  /** What DynamoDB said all requests so far consumed. */
  capacityUnits(): number;
}

/** DynamoDB's own limits on a request. */
const MAX_BATCH_GET = 100;
const MAX_BATCH_PUT = 25;

/** Most bulk requests of a kind at a time; callers that come meanwhile share the next. */
const MAX_BULK = 8;
/** Most single puts at a time: with the others, about as many as the client has sockets. */
const MAX_SINGLE = 24;
const MAX_TRIES = 8;
const FIRST_PAUSE_MS = 25;

/** Opens the table for one call. */
export function openTable({ client, table, pause }: TableOptions): Table {
  const requests = openTableRequests(client, table);
  const bulkPuts = shareBulkPuts(requests, pause);
  const singlePuts = shareSinglePuts(requests);
  const bulkGets = new Map<string, Share<WantedItem>>();
  return {
    get: (key) => requests.get(key),
    batchGet: async (keys, attributes = []) => {
      const found: Item[] = [];
      const gets =
        bulkGets.get(attributes.join()) ?? shareBulkGets(requests, { attributes, pause });
      bulkGets.set(attributes.join(), gets);
      await gets(keys.map((key) => ({ key, found })));
      return found;
    },
    batchPut: bulkPuts,
    put: async (item, condition) => {
      const wanted = { item, condition, isDone: false };
      await singlePuts([wanted]);
      return wanted.isDone;
    },
    query: (query) => requests.query(query),
    capacityUnits: () => requests.capacityUnits(),
  };
}

/** An item to read, and where to put it. */
interface WantedItem {
  readonly key: Key;
  readonly found: Item[];
}

/** An item to put, and whether its condition held. */
interface WantedPut {
  readonly item: Item;
  readonly condition: Condition;
  isDone: boolean;
}

function shareBulkGets(
  requests: TableRequests,
  { attributes, pause }: { readonly attributes: readonly string[]; readonly pause: Pause },
): Share<WantedItem> {
  const send = (wanted: readonly WantedItem[]) => {
    const takers = new Map(wanted.map(({ key: { pk, sk }, found }) => [`${pk} ${sk}`, found]));
    const keys = wanted.map(({ key: { pk, sk } }) => ({ pk: { S: pk }, sk: { S: sk } }));
    return untilNoneLeft<Item>(keys, pause, async (some) => {
      const { items, left } = await requests.batchGet(some, attributes);
      for (const item of items) takers.get(`${text(item["pk"])} ${text(item["sk"])}`)?.push(item);
      return left;
    });
  };
  return shareRequests({ size: MAX_BATCH_GET, width: MAX_BULK, send, isForAll });
}

function shareBulkPuts(requests: TableRequests, pause: Pause): Share<Item> {
  const send = (items: readonly Item[]) => {
    const puts = items.map((Item) => ({ PutRequest: { Item } }));
    return untilNoneLeft<WriteRequest>(puts, pause, (some) => requests.batchPut(some));
  };
  return shareRequests({ size: MAX_BATCH_PUT, width: MAX_BULK, send, isForAll });
}

/** One item a request; shared only so that not too many are sent at a time. */
function shareSinglePuts(requests: TableRequests): Share<WantedPut> {
  const send = async (puts: readonly WantedPut[]) => {
    for (const put of puts) put.isDone = await requests.put(put.item, put.condition);
  };
  return shareRequests({ size: 1, width: MAX_SINGLE, send, isForAll });
}

/** Where there is no capacity, asking for less at a time is more requests and no better. */
function isForAll(failure: unknown): boolean {
  return failure instanceof ServiceError && failure.code === "THROTTLED";
}

/** Sends what is left until nothing is, pausing ever longer; DynamoDB leaves out what it has no capacity for. */
async function untilNoneLeft<T>(
  all: readonly T[],
  pause: Pause,
  send: (part: readonly T[]) => Promise<readonly T[]>,
): Promise<void> {
  let left = all;
  for (let tries = 1; ; tries++) {
    left = await send(left);
    if (left.length === 0) return;
    if (tries === MAX_TRIES) throw throttled();
    await pause(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random()));
  }
}
