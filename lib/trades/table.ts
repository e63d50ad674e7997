/**
 * The table as one call sees it: the few requests that are made of it, what they consumed, and what
 * their failures mean to callers.
 */

import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  type ConsumedCapacity,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
  type QueryCommandInput,
  type WriteRequest,
} from "@aws-sdk/client-dynamodb";
import { throttled, toServiceError } from "./dynamodb-failure.ts";
import type { Key } from "./keys.ts";
import { forEachParallel, inChunks } from "./parallel.ts";
import type { Item } from "./trade-item.ts";

export type Condition = Pick<
  PutItemCommandInput,
  "ConditionExpression" | "ExpressionAttributeNames" | "ExpressionAttributeValues"
>;

export type Query = Omit<QueryCommandInput, "TableName" | "ReturnConsumedCapacity">;

/** Waits for so many milliseconds; tests pass one that doesn't. */
export type Pause = (ms: number) => Promise<unknown>;

/** One page; `lastSortKey` is set when more may follow it. */
export interface QueryPage {
  readonly items: readonly Item[];
  /** Items that DynamoDB looked at; more than it gave when there is a filter. */
  readonly scanned: number;
  readonly lastSortKey?: string;
}

export interface TableOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly pause: Pause;
}

/** Every method throws a ServiceError, `THROTTLED` or `UNAVAILABLE`, when DynamoDB fails. */
export interface Table {
  /** Strongly consistent. */
  get(key: Key): Promise<Item | undefined>;
  /** Strongly consistent, in no order; keys must differ. Items that don't exist are left out. */
  batchGet(keys: readonly Key[], attributes?: readonly string[]): Promise<Item[]>;
  /** Puts without a condition, in no order; keys must differ. */
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

const MAX_PARALLEL = 8;
const MAX_TRIES = 8;
const FIRST_PAUSE_MS = 25;

/** Opens the table for one call. */
export function openTable({ client, table, pause }: TableOptions): Table {
  let capacityUnits = 0;
  const count = (consumed: readonly (ConsumedCapacity | undefined)[] = []) => {
    for (const part of consumed) capacityUnits += part?.CapacityUnits ?? 0;
  };
  const request = { TableName: table, ReturnConsumedCapacity: "TOTAL" } as const;

  const getBatch = async (keys: readonly Key[], projection: object): Promise<Item[]> => {
    const found: Item[] = [];
    await untilNoneLeft(keys.map(toKeyItem), pause, async (Keys) => {
      const answer = await client.send(
        new BatchGetItemCommand({
          RequestItems: { [table]: { Keys, ConsistentRead: true, ...projection } },
          ReturnConsumedCapacity: "TOTAL",
        }),
      );
      count(answer.ConsumedCapacity);
      found.push(...(answer.Responses?.[table] ?? []));
      return answer.UnprocessedKeys?.[table]?.Keys ?? [];
    });
    return found;
  };

  const putBatch = (items: readonly Item[]) =>
    untilNoneLeft<WriteRequest>(
      items.map((Item) => ({ PutRequest: { Item } })),
      pause,
      async (puts) => {
        const answer = await client.send(
          new BatchWriteItemCommand({
            RequestItems: { [table]: puts },
            ReturnConsumedCapacity: "TOTAL",
          }),
        );
        count(answer.ConsumedCapacity);
        return answer.UnprocessedItems?.[table] ?? [];
      },
    );

  return {
    get: async (key) => {
      const command = new GetItemCommand({ ...request, Key: toKeyItem(key), ConsistentRead: true });
      const answer = await attempt(client.send(command));
      count([answer.ConsumedCapacity]);
      return answer.Item;
    },
    batchGet: async (keys, attributes) => {
      const found: Item[] = [];
      const projection = attributes === undefined ? {} : toProjection(attributes);
      await forEachParallel(inChunks(keys, MAX_BATCH_GET), MAX_PARALLEL, async (chunk) => {
        found.push(...(await getBatch(chunk, projection)));
      });
      return found;
    },
    batchPut: (items) => forEachParallel(inChunks(items, MAX_BATCH_PUT), MAX_PARALLEL, putBatch),
    put: async (Item, condition) => {
      try {
        const answer = await client.send(new PutItemCommand({ ...request, Item, ...condition }));
        count([answer.ConsumedCapacity]);
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw toServiceError(error);
      }
    },
    query: async (query) => {
      const answer = await attempt(client.send(new QueryCommand({ ...request, ...query })));
      count([answer.ConsumedCapacity]);
      const lastSortKey = answer.LastEvaluatedKey?.["sk"]?.S;
      const page = { items: answer.Items ?? [], scanned: answer.ScannedCount ?? 0 };
      return lastSortKey === undefined ? page : { ...page, lastSortKey };
    },
    capacityUnits: () => capacityUnits,
  };
}

/** Sends what is left until nothing is, pausing ever longer; DynamoDB leaves out what it has no capacity for. */
async function untilNoneLeft<T>(
  all: readonly T[],
  pause: Pause,
  send: (part: T[]) => Promise<readonly T[]>,
): Promise<void> {
  let left = [...all];
  for (let tries = 1; ; tries++) {
    left = [...(await attempt(send(left)))];
    if (left.length === 0) return;
    if (tries === MAX_TRIES) throw throttled();
    await pause(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random()));
  }
}

async function attempt<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw toServiceError(error);
  }
}

function toKeyItem({ pk, sk }: Key): Item {
  return { pk: { S: pk }, sk: { S: sk } };
}

/** Attributes by placeholder, since some names are reserved words. */
function toProjection(attributes: readonly string[]) {
  const names = attributes.map((name, index) => [`#${index}`, name] as const);
  return {
    ProjectionExpression: names.map(([placeholder]) => placeholder).join(),
    ExpressionAttributeNames: Object.fromEntries(names),
  };
}
