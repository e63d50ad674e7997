import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openDynamoDb } from "../lib/dynamodb-client.ts";
import { startTestDynamoDB, type TestDynamoDB } from "./support/dynamodb.ts";
import { type Fault, type FaultyProxy, startFaultyProxy } from "./support/faulty-proxy.ts";

let database: TestDynamoDB;
let proxy: FaultyProxy;
let from = 0;
beforeAll(async () => {
  database = await startTestDynamoDB();
  proxy = await startFaultyProxy({ target: database.endpoint });
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" });
});
beforeEach(() => {
  from = proxy.requests.length;
});
afterAll(async () => {
  await proxy.close();
  await database.close();
});

async function get(): Promise<unknown> {
  const client = openDynamoDb({ region: "us-east-1", endpoint: proxy.url });
  const Key = { pk: { S: "PING" }, sk: { S: "PING" } };
  const { table: TableName } = database;
  return client.send(new GetItemCommand({ TableName, Key })).finally(() => client.destroy());
}

const throttled: Fault = {
  type: "status",
  status: 400,
  headers: { "content-type": "application/x-amz-json-1.0" },
  body: JSON.stringify({ __type: "x#ThrottlingException" }),
};
const reset: Fault = { type: "reset-before" };
/** Longer than the client waits for any answer. */
const late: Fault = { type: "delay-before", delayMs: 60_000 };

describe("the DynamoDB client", () => {
  it.each([
    ["throttled", [throttled, throttled], 3],
    ["reset", [reset, reset], 3],
    ["not answered", [late], 2],
  ])("sends a request again that is %s", async (_fact, faults, requests) => {
    proxy.inject(...faults);
    await expect(get()).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
    expect(proxy.requests.length - from).toBe(requests);
  });

  it.each([
    ["ThrottlingException", throttled],
    ["ECONNRESET", reset],
  ])("gives up on %s after the third time", async (name, fault) => {
    proxy.inject(fault, fault, fault, fault);
    await expect(get()).rejects.toSatisfy(
      (error: Error & { code?: string }) => error.name === name || error.code === name,
    );
    expect(proxy.requests.length - from).toBe(3);
    await get();
  });

  it("makes no log lines, for which the SDK copies all that it sends", () => {
    const stepsOf = (client: DynamoDBClient) => client.middlewareStack.identify().join("\n");
    const options = { region: "us-east-1" };
    const [bare, ours] = [
      new DynamoDBClient(options),
      openDynamoDb({ ...options, endpoint: undefined }),
    ];
    expect(stepsOf(bare)).toMatch(/logger/i);
    expect(stepsOf(ours)).not.toMatch(/logger/i);
    for (const client of [bare, ours]) client.destroy();
  });
});
