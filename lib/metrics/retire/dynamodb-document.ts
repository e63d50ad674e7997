/**
 * A JSON document of any size in a DynamoDB table, replaced as a whole by one conditional write. What
 * does not fit one item goes into chunks under the new version's key first; the head item then flips.
 */

import { gunzip, gzip } from "node:zlib";
import { promisify } from "../../builtin.ts";
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type AttributeValue,
  type DynamoDBClient,
} from "@aws-sdk/client-dynamodb";
import { ServiceError } from "../../errors.ts";

export interface DocumentOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly pk: string;
  /** The head's sort key; the chunks' begin with it. */
  readonly name: string;
}

export interface Document<T> {
  readonly name: string;
  /** Strongly consistent. Version 0 and no content when there is none. @throws `READ_FAILED` */
  read(call?: Call): Promise<{ readonly version: number; readonly content: T | undefined }>;
  /**
   * Replaces version `version - 1`.
   * @returns false when another version is there.
   * @throws `READ_FAILED` when DynamoDB does not answer; it may have been written all the same.
   */
  write(version: number, content: T, call?: Call): Promise<boolean>;
}

interface Call {
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** An item may have 400 KB with its keys. */
const CHUNK_BYTES = 350_000;
/** Versions from one sweep to the next. */
const SWEEP_EVERY = 64;
/** Of at most 1 MB of chunks each. */
const MAX_SWEPT_PAGES = 50;
/** A chunk is gone when the head moved on while reading: then the head is read again. */
const MAX_READS = 5;

const compress = promisify(gzip);
const decompress = promisify(gunzip);

type Item = Record<string, AttributeValue>;

/** Opens a document; nothing is read before the first call. */
export function openDocument<T>(options: DocumentOptions): Document<T> {
  const { name } = options;
  return {
    name,
    read: (call) => explain(name, () => startExchange<T>(options, call).read(), call),
    write: (version, content, call) =>
      explain(name, () => startExchange<T>(options, call).write(version, content), call),
  };
}

/** One reading or writing of a document. */
function startExchange<T>({ client, table, pk, name }: DocumentOptions, { signal }: Call = {}) {
  const limits = signal === undefined ? {} : { abortSignal: signal };
  const key = (sk: string): Item => ({ pk: { S: pk }, sk: { S: sk } });
  const chunkKey = (token: string, index: number) => key(`${name}#${token}#${index}`);
  const remove = (Key: Item) =>
    client.send(new DeleteItemCommand({ TableName: table, Key }), limits);

  const get = async (itemKey: Item) => {
    const { Item: item } = await client.send(
      new GetItemCommand({ TableName: table, Key: itemKey, ConsistentRead: true }),
      limits,
    );
    return item;
  };

  /** The document's bytes, or `undefined` when a chunk has gone meanwhile. */
  const readBytes = async (head: Item): Promise<Uint8Array | undefined> => {
    const inline = head["content"]?.B;
    if (inline !== undefined) return inline;
    const count = Number(head["chunks"]?.N ?? 0);
    const chunks = await Promise.all(
      Array.from({ length: count }, (_, i) => get(chunkKey(head["token"]?.S ?? "", i))),
    );
    const parts = chunks.map((chunk) => chunk?.["content"]?.B);
    return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
  };

  const read = async () => {
    for (let attempt = 0; attempt < MAX_READS; attempt += 1) {
      const head = await get(key(name));
      if (head === undefined) return { version: 0, content: undefined };
      const bytes = await readBytes(head);
      if (bytes === undefined) continue;
      const content = JSON.parse((await decompress(bytes)).toString()) as T;
      return { version: Number(head["v"]?.N ?? 0), content };
    }
    throw new ServiceError("READ_FAILED", `ledger ${name}: expected its chunks, which kept moving`);
  };

  /** Flips the head, and answers the one it replaced; `undefined` when another version is there. */
  const replaceHead = async (version: number, head: Item): Promise<Item | undefined> => {
    const isFirst = version === 1;
    try {
      const { Attributes: before = {} } = await client.send(
        new PutItemCommand({
          TableName: table,
          Item: { ...key(name), ...head, v: { N: String(version) } },
          ConditionExpression: isFirst ? "attribute_not_exists(pk)" : "v = :seen",
          ...(isFirst ? {} : { ExpressionAttributeValues: { ":seen": { N: `${version - 1}` } } }),
          ReturnValues: "ALL_OLD",
        }),
        limits,
      );
      return before;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // The SDK tries again when an answer is lost: the head that refuses us may be our own.
      const there = await get(key(name));
      return there?.["token"]?.S === head["token"]?.S ? {} : undefined;
    }
  };

  const deleteChunks = async (head: Item) => {
    const count = Number(head["chunks"]?.N ?? 0);
    for (let i = 0; i < count; i += 1) await remove(chunkKey(head["token"]?.S ?? "", i));
  };

  /**
   * Deletes chunks that a process left which ended before its head was put. Those of this version or
   * an older one, but for its own, can never get a head again: it takes the version before theirs.
   */
  const sweep = async (version: number, head: Item) => {
    const own = `${name}#${head["token"]?.S}#`;
    let ExclusiveStartKey: Item | undefined;
    for (let page = 0; page < MAX_SWEPT_PAGES; page += 1) {
      const { Items: chunks = [], LastEvaluatedKey } = await client.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: "pk = :pk AND begins_with(sk, :chunks)",
          ExpressionAttributeValues: { ":pk": { S: pk }, ":chunks": { S: `${name}#` } },
          ProjectionExpression: "pk, sk, v",
          ...(ExclusiveStartKey === undefined ? {} : { ExclusiveStartKey }),
        }),
        limits,
      );
      for (const { v, ...Key } of chunks) {
        if (Number(v?.N) <= version && !Key["sk"]?.S?.startsWith(own)) await remove(Key);
      }
      if (LastEvaluatedKey === undefined) return;
      ExclusiveStartKey = LastEvaluatedKey;
    }
  };

  /** What the head is to say of its content: all of it, or the chunks put beforehand. */
  const putContent = async (version: number, bytes: Buffer): Promise<Item> => {
    const token = crypto.randomUUID();
    if (bytes.length <= CHUNK_BYTES) return { token: { S: token }, content: { B: bytes } };
    const chunks = Math.ceil(bytes.length / CHUNK_BYTES);
    for (let i = 0; i < chunks; i += 1) {
      const part = bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
      const Item = { ...chunkKey(token, i), v: { N: String(version) }, content: { B: part } };
      await client.send(new PutItemCommand({ TableName: table, Item }), limits);
    }
    return { token: { S: token }, chunks: { N: String(chunks) } };
  };

  const write = async (version: number, content: T) => {
    const head = await putContent(version, await compress(JSON.stringify(content)));
    const before = await replaceHead(version, head);
    try {
      await deleteChunks(before ?? head);
      if (before !== undefined && version % SWEEP_EVERY === 1) await sweep(version, head);
    } catch {
      // The document is written or not all the same, and a later sweep finds what is left.
    }
    return before !== undefined;
  };

  return { read, write };
}

/** DynamoDB's failures as ours; the cause is for the log only. */
async function explain<T>(name: string, run: () => Promise<T>, call: Call = {}): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof ServiceError) throw cause;
    const when = call.signal?.aborted === true ? " in time" : "";
    throw new ServiceError("READ_FAILED", `ledger ${name}: DynamoDB did not answer${when}`, {
      cause,
    });
  }
}
