import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import { afterEach, expect, it } from "vitest";
import { type LocalDynamoDB, startDynamoDB } from "../../local/dynamodb.ts";

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function clientOf(local: LocalDynamoDB): DynamoDBClient {
  const client = new DynamoDBClient({
    endpoint: local.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  cleanups.push(() => client.destroy());
  return client;
}

async function start(options = {}): Promise<LocalDynamoDB> {
  const local = await startDynamoDB(options);
  cleanups.push(() => local.close().catch(() => undefined));
  return local;
}

it("creates the table that serverless.yml defines, named for the stage", async () => {
  const local = await start({ stage: "qa" });
  const { Table } = await clientOf(local).send(
    new DescribeTableCommand({ TableName: local.table }),
  );
  expect(local.table).toBe("k2-trades-qa");
  expect(Table).toMatchObject({
    TableStatus: "ACTIVE",
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    GlobalSecondaryIndexes: [{ IndexName: "recent" }],
  });
});

it("keeps items over a restart when it has a folder", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "dynamodb-")), "data");
  cleanups.push(() => rm(join(path, ".."), { recursive: true }));
  const item = { pk: { S: "a" }, sk: { S: "b" }, n: { N: "1.5" } };
  const first = await start({ path });
  await clientOf(first).send(new PutItemCommand({ TableName: first.table, Item: item }));
  await first.close();
  const second = await start({ path });
  const Key = { pk: item.pk, sk: item.sk };
  const { Item } = await clientOf(second).send(
    new GetItemCommand({ TableName: second.table, Key }),
  );
  expect(Item).toEqual(item);
});

it("listens on the port it is given", async () => {
  const first = await start();
  await first.close();
  const port = Number(new URL(first.endpoint).port);
  expect((await start({ port })).endpoint).toBe(first.endpoint);
});

it("says that a port is taken", async () => {
  const { endpoint } = await start();
  await expect(startDynamoDB({ port: Number(new URL(endpoint).port) })).rejects.toThrow(
    "EADDRINUSE",
  );
});

it("outlives a client that goes away in the middle of a request", async () => {
  const local = await start();
  const { port, hostname } = new URL(local.endpoint);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  const request = `POST / HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 9\r\n`;
  socket.write(`${request}Expect: 100-continue\r\n\r\n`);
  await once(socket, "data");
  socket.destroy();
  const answer = await fetch(local.endpoint);
  expect(await answer.text()).toContain("healthy");
});
