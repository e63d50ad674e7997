/**
 * The requests that are made of the table: one call of DynamoDB each, what it consumed counted, and
 * its failures as errors that callers know.
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
import { toServiceError } from "./dynamodb-failure.ts";
import type { Key } from "./keys.ts";
import type { Item } from "./trade-item.ts";

export type Condition = Pick<
  PutItemCommandInput,
  "ConditionExpression" | "ExpressionAttributeNames" | "ExpressionAttributeValues"
>;

export type Query = Omit<QueryCommandInput, "TableName" | "ReturnConsumedCapacity">;

/** One page; `lastSortKey` is set when more may follow it. */
export interface QueryPage {
  readonly items: readonly Item[];
  /** Items that DynamoDB looked at; more than it gave when there is a filter. */
  readonly scanned: number;
  readonly lastSortKey?: string;
}

/** Every method throws a ServiceError, `THROTTLED` or `UNAVAILABLE`, when DynamoDB fails. */
export interface TableRequests {
  /** Strongly consistent. */
  get(key: Key): Promise<Item | undefined>;
  /**
   * Strongly consistent. At most 100 keys, all different.
   * @returns items found, and keys that DynamoDB had no capacity for.
   */
  batchGet(
    keys: readonly Item[],
    attributes: readonly string[],
  ): Promise<{ readonly items: readonly Item[]; readonly left: readonly Item[] }>;
  /** At most 25 items, with different keys. @returns what DynamoDB had no capacity for. */
  batchPut(puts: readonly WriteRequest[]): Promise<readonly WriteRequest[]>;
  /** False when the condition did not hold. */
  put(item: Item, condition: Condition): Promise<boolean>;
  query(query: Query): Promise<QueryPage>;
  /** What DynamoDB said all requests so far consumed. */
  capacityUnits(): number;
}

/** Nothing is sent before the first call. */
export function openTableRequests(client: DynamoDBClient, table: string): TableRequests {
  let capacityUnits = 0;
  const count = (consumed: readonly (ConsumedCapacity | undefined)[] = []) => {
    for (const part of consumed) capacityUnits += part?.CapacityUnits ?? 0;
  };
  const told = { ReturnConsumedCapacity: "TOTAL" } as const;
  const request = { TableName: table, ...told };
  return {
    get: async ({ pk, sk }) => {
      const Key = { pk: { S: pk }, sk: { S: sk } };
      const command = new GetItemCommand({ ...request, Key, ConsistentRead: true });
      const answer = await attempt(client.send(command));
      count([answer.ConsumedCapacity]);
      return answer.Item;
    },
    batchGet: async (Keys, attributes) => {
      const keys = { Keys: [...Keys], ConsistentRead: true, ...toProjection(attributes) };
      const command = new BatchGetItemCommand({ RequestItems: { [table]: keys }, ...told });
      const answer = await attempt(client.send(command));
      count(answer.ConsumedCapacity);
      const left = answer.UnprocessedKeys?.[table]?.Keys ?? [];
      return { items: answer.Responses?.[table] ?? [], left };
    },
    batchPut: async (puts) => {
      const command = new BatchWriteItemCommand({ RequestItems: { [table]: [...puts] }, ...told });
      const answer = await attempt(client.send(command));
      count(answer.ConsumedCapacity);
      return answer.UnprocessedItems?.[table] ?? [];
    },
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

async function attempt<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw toServiceError(error);
  }
}

/** Attributes by placeholder, since some names are reserved words; all when none is named. */
function toProjection(attributes: readonly string[]) {
  if (attributes.length === 0) return {};
  const names = attributes.map((name, index) => [`#${index}`, name] as const);
  return {
    ProjectionExpression: names.map(([placeholder]) => placeholder).join(),
    ExpressionAttributeNames: Object.fromEntries(names),
  };
}
