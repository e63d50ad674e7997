import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openTable, type Table } from "../../lib/trades/table.ts";
import type { Item } from "../../lib/trades/trade-item.ts";
import { openTestClient, startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { type Fault, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { makeScarce } from "../support/scarce-dynamodb.ts";

let database: TestDynamoDB;
let proxy: FaultyProxy;
beforeAll(async () => {
  database = await startTestDynamoDB();
  proxy = await startFaultyProxy({ target: database.endpoint });
});
afterAll(async () => {
  await proxy.close();
  await database.close();
});

interface Opened {
  readonly table: Table;
  readonly client: ReturnType<typeof openTestClient>;
  /** Milliseconds of every pause it made. */
  readonly pauses: readonly number[];
}

/** The table through the proxy, each request sent once; it never really waits. */
function open(): Opened {
  const client = openTestClient(proxy.url, 1);
  onTestFinished(() => client.destroy());
  const pauses: number[] = [];
  const table = openTable({
    client,
    table: database.table,
    pause: async (ms) => void pauses.push(ms),
  });
  return { table, client, pauses };
}

const item = (pk: string, at: number): Item => ({
  pk: { S: pk },
  sk: { S: String(at).padStart(4, "0") },
  n: { N: String(at) },
});
const items = (pk: string, count: number) => Array.from({ length: count }, (_, at) => item(pk, at));
const keyOf = ({ pk, sk }: Item) => ({ pk: pk?.S ?? "", sk: sk?.S ?? "" });
const byKey = (all: readonly Item[]) =>
  [...all].sort((a, b) => ((a["sk"]?.S ?? "") < (b["sk"]?.S ?? "") ? -1 : 1));
const operations = (from: number) =>
  proxy.requests.slice(from).map(({ headers }) => String(headers["x-amz-target"]).split(".")[1]);

describe("bulk requests", () => {
  it("are cut to what DynamoDB takes in one", async () => {
    const { table } = open();
    const all = items("cut", 230);
    const from = proxy.requests.length;
    await table.batchPut(all);
    expect(operations(from)).toEqual(Array.from({ length: 10 }, () => "BatchWriteItem"));
    const then = proxy.requests.length;
    expect(byKey(await table.batchGet(all.map(keyOf)))).toEqual(all);
    expect(operations(then)).toEqual(Array.from({ length: 3 }, () => "BatchGetItem"));
  });

  it("are shared by callers that come at the same time, who each get their own", async () => {
    const { table } = open();
    const [mine, theirs] = [items("mine", 7), items("theirs", 8)];
    const from = proxy.requests.length;
    await Promise.all([table.batchPut(mine), table.batchPut(theirs)]);
    const got = await Promise.all([mine, theirs].map((some) => table.batchGet(some.map(keyOf))));
    expect(operations(from)).toEqual(["BatchWriteItem", "BatchGetItem"]);
    expect(got.map(byKey)).toEqual([mine, theirs]);
  });

  it("leave out what is not there, and attributes that were not asked for", async () => {
    const { table } = open();
    await table.batchPut(items("some", 2));
    const keys = items("some", 3).map(keyOf);
    expect(byKey(await table.batchGet(keys, ["pk", "sk"]))).toEqual(
      items("some", 2).map(({ pk, sk }) => ({ pk, sk })),
    );
    expect(await table.batchGet([])).toEqual([]);
  });

  it("send again what DynamoDB left out, after ever longer pauses", async () => {
    const { table, client, pauses } = open();
    const all = items("left", 20);
    makeScarce(client, (count) => Math.ceil(count / 2));
    await table.batchPut(all);
    const written = pauses.length;
    expect(byKey(await table.batchGet(all.map(keyOf)))).toEqual(all);
    expect(written).toBe(4);
    // 25 ms, doubled each time, give or take half.
    for (const [at, ms] of pauses.slice(0, written).entries()) {
      expect(ms).toBeGreaterThanOrEqual(12.5 * 2 ** at);
      expect(ms).toBeLessThanOrEqual(37.5 * 2 ** at);
    }
    expect(pauses).toHaveLength(2 * written);
  });

  it("give up as THROTTLED when DynamoDB takes nothing eight times", async () => {
    const { table, client, pauses } = open();
    makeScarce(client, () => 0);
    const refused = { code: "THROTTLED", retryAfterSeconds: 1 };
    await expect(table.batchPut(items("none", 3))).rejects.toMatchObject(refused);
    await expect(table.batchGet(items("none", 3).map(keyOf))).rejects.toMatchObject(refused);
    expect(pauses).toHaveLength(14);
  });
});

describe("a put", () => {
  it("says whether its condition held", async () => {
    const { table } = open();
    const isNew = { ConditionExpression: "attribute_not_exists(pk)" };
    expect(await table.put(item("once", 1), isNew)).toBe(true);
    expect(await table.put(item("once", 1), isNew)).toBe(false);
    expect(await table.get(keyOf(item("once", 1)))).toEqual(item("once", 1));
  });
});

describe("a query", () => {
  const query = (fields: object) => ({
    KeyConditionExpression: "pk = :pk",
    ExpressionAttributeValues: { ":pk": { S: "queried" }, ...fields },
  });

  it("gives a page, where it ends, and how much was looked at for it", async () => {
    const { table } = open();
    await table.batchPut(items("queried", 10));
    const page = await table.query({ ...query({}), Limit: 4 });
    expect(page).toEqual({ items: items("queried", 4), scanned: 4, lastSortKey: "0003" });
    const filtered = await table.query({
      ...query({ ":n": { N: "7" } }),
      FilterExpression: "n >= :n",
    });
    expect(filtered).toEqual({ items: items("queried", 10).slice(7), scanned: 10 });
  });
});

describe("what DynamoDB answers with instead", () => {
  const status = (code: number, type: string): Fault => ({
    type: "status",
    status: code,
    headers: { "content-type": "application/x-amz-json-1.0" },
    body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: "m" }),
  });
  const faults: [code: string, name: string, fault: Fault][] = [
    ["THROTTLED", "throughput", status(400, "ProvisionedThroughputExceededException")],
    ["THROTTLED", "throttling", status(400, "ThrottlingException")],
    ["THROTTLED", "the account's limit", status(400, "RequestLimitExceeded")],
    ["UNAVAILABLE", "an error of its own", status(500, "InternalServerError")],
    ["UNAVAILABLE", "no table", status(400, "ResourceNotFoundException")],
    ["UNAVAILABLE", "no permission", status(400, "AccessDeniedException")],
    ["UNAVAILABLE", "no JSON", { type: "status", status: 503, body: "<html>" }],
    ["UNAVAILABLE", "a reset connection", { type: "reset-before" }],
    ["UNAVAILABLE", "half an answer", { type: "cut-answer" }],
  ];
  const calls: [name: string, call: (table: Table) => Promise<unknown>][] = [
    ["get", (table) => table.get({ pk: "f", sk: "f" })],
    ["batchGet", (table) => table.batchGet([{ pk: "f", sk: "f" }])],
    ["batchPut", (table) => table.batchPut([item("f", 1)])],
    ["put", (table) => table.put(item("f", 1), { ConditionExpression: "attribute_exists(pk)" })],
    [
      "query",
      (table) =>
        table.query({
          KeyConditionExpression: "pk = :pk",
          ExpressionAttributeValues: { ":pk": { S: "f" } },
        }),
    ],
  ];
  const rows = faults.flatMap(([code, fault, how]) =>
    calls.map(([name, call]) => ({ code, fault, how, name, call })),
  );

  it.each(rows)("$fault to $name is $code", async ({ code, how, call }) => {
    const { table } = open();
    proxy.inject(how);
    await expect(call(table)).rejects.toMatchObject({
      name: "ServiceError",
      code,
      retryAfterSeconds: 1,
    });
  });
});

it("adds up what DynamoDB said its requests consumed", async () => {
  const { table } = open();
  expect(table.capacityUnits()).toBe(0);
  await table.batchPut(items("paid", 3));
  const written = table.capacityUnits();
  await table.batchGet(items("paid", 3).map(keyOf));
  expect([written, table.capacityUnits() - written]).toEqual([3, 3]);
});
