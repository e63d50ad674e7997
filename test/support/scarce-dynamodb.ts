/**
 * What a DynamoDB short of capacity does to bulk requests, and dynalite never: it takes a part of
 * one and names the rest as unprocessed.
 */

import {
  type BatchGetItemCommandInput,
  BatchGetItemCommand,
  type BatchWriteItemCommandInput,
  BatchWriteItemCommand,
  type DynamoDBClient,
} from "@aws-sdk/client-dynamodb";

type Bulk =
  | { readonly args: { input: BatchWriteItemCommandInput }; readonly name: "write" }
  | { readonly args: { input: BatchGetItemCommandInput }; readonly name: "get" };

/**
 * From now on the client's bulk requests are done in part.
 * @param capacity how many of so many items are done. When none is, DynamoDB isn't even asked.
 */
export function makeScarce(client: DynamoDBClient, capacity: (items: number) => number): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const bulk = bulkOf(context.commandName, args);
      if (bulk === undefined) return next(args);
      const { taken, left } = divide(bulk, capacity);
      const name = bulk.name === "write" ? "UnprocessedItems" : "UnprocessedKeys";
      const none = { response: {}, output: { $metadata: {}, [name]: left } };
      if (taken === undefined) return none;
      const answer = await next({ ...args, input: taken });
      Object.assign(answer.output as object, left === undefined ? {} : { [name]: left });
      return answer;
    },
    { step: "initialize", name: "scarce" },
  );
}

function bulkOf(commandName: unknown, args: object): Bulk | undefined {
  if (commandName === BatchWriteItemCommand.name) return { name: "write", args } as unknown as Bulk;
  if (commandName === BatchGetItemCommand.name) return { name: "get", args } as unknown as Bulk;
  return undefined;
}

/** The request for what there is capacity for, and what an answer names as left. */
function divide(bulk: Bulk, capacity: (items: number) => number) {
  const [[table, items] = ["", []]] = Object.entries(bulk.args.input.RequestItems ?? {});
  const all: readonly object[] = Array.isArray(items) ? items : (items.Keys ?? []);
  const wrap = (part: readonly object[]) => ({
    [table]: Array.isArray(items) ? part : { ...items, Keys: part },
  });
  const count = Math.min(capacity(all.length), all.length);
  return {
    taken:
      count === 0 ? undefined : { ...bulk.args.input, RequestItems: wrap(all.slice(0, count)) },
    left: count === all.length ? undefined : wrap(all.slice(count)),
  };
}
