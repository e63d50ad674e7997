import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  DeleteItemCommand,
  PutItemCommand,
  ScanCommand,
  type DynamoDBClient,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openDynamoDbLedger } from "../../../lib/metrics/retire/dynamodb-ledger.ts";
import type { MetricFamily } from "../../../lib/metrics/family.ts";
import type { Base } from "../../../lib/metrics/retire/ledger.ts";
import type { StoredFamily } from "../../../lib/metrics/tally.ts";
import { openTestClient, startTestDynamoDB, type TestDynamoDB } from "../../support/dynamodb.ts";

let database: TestDynamoDB;
beforeAll(async () => {
  database = await startTestDynamoDB();
});
afterAll(() => database.close());

const STAGE = "test";
let services = 0;
function openFresh(client: DynamoDBClient = database.client) {
  services += 1;
  const service = `service-${services}`;
  return {
    service,
    ledger: openDynamoDbLedger({ client, table: database.table, service, stage: STAGE }),
  };
}

const family = (name: string, help = name): StoredFamily => ({
  name,
  type: "counter",
  help,
  pushedAtSeconds: 1.5,
  series: [{ labels: { a: "ü" }, counter: [7, 0.1] }],
});
const base = (version: number, totals: readonly StoredFamily[]): Base => ({
  version,
  totals,
  pushgateways: [
    {
      url: "http://a",
      horizonSeconds: 1,
      offsetSeconds: 0.5,
      heldUntilSeconds: 0,
      tombstones: { x: 9 },
    },
  ],
});
/** More than one item holds, also when compressed. */
const large = () =>
  Array.from({ length: 3 }, (_, i) =>
    family(`f${i}_total`, randomBytes(300_000).toString("base64")),
  );

async function chunksOf(service: string): Promise<string[]> {
  const { Items = [] } = await database.client.send(
    new ScanCommand({
      TableName: database.table,
      FilterExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: `LEDGER#${service}#${STAGE}` } },
      ProjectionExpression: "sk",
    }),
  );
  return Items.map(({ sk }) => sk?.S ?? "").filter((sk) => sk.includes("#"));
}

describe("the ledger in DynamoDB", () => {
  it("is empty at version 0 before the first write", async () => {
    const { ledger } = openFresh();
    expect(await ledger.readBase()).toEqual({ version: 0, totals: [], pushgateways: [] });
    expect(await ledger.readFloor()).toEqual({ version: 0, families: [] });
  });

  it("gives back what was written, infinite bounds too", async () => {
    const { ledger } = openFresh();
    const written = base(1, [family("a_total")]);
    expect(await ledger.writeBase(written)).toBe(true);
    expect(await ledger.readBase()).toEqual(written);
    const histogram: MetricFamily = {
      name: "h",
      help: "h",
      type: "histogram",
      samples: [
        {
          labels: {},
          buckets: [
            [1, 2],
            [Infinity, 3],
          ],
          sum: 0.1 + 0.2,
          count: 3,
        },
      ],
    };
    expect(await ledger.writeFloor({ version: 1, families: [histogram] })).toBe(true);
    expect(await ledger.readFloor()).toEqual({ version: 1, families: [histogram] });
  });

  it("takes only the version that follows", async () => {
    const { ledger } = openFresh();
    expect(await ledger.writeBase(base(2, []))).toBe(false);
    expect(await ledger.writeBase(base(1, []))).toBe(true);
    expect(await ledger.writeBase(base(1, [family("late_total")]))).toBe(false);
    expect(await ledger.readBase()).toEqual(base(1, []));
  });

  it("lets one of many writers of a version win", async () => {
    const { ledger } = openFresh();
    const writes = Array.from({ length: 8 }, (_, i) =>
      ledger.writeBase(base(1, [family(`writer_${i}_total`)])),
    );
    const won = (await Promise.all(writes)).map((isWon, i) => (isWon ? i : -1));
    const winners = won.filter((i) => i >= 0);
    expect(winners).toHaveLength(1);
    expect((await ledger.readBase()).totals[0]?.name).toBe(`writer_${winners[0]}_total`);
  });

  it("knows its own write when the answer to it is lost", async () => {
    const { ledger } = openFresh(losingAnswerTo(PutItemCommand));
    expect(await ledger.writeBase(base(1, [family("a_total")]))).toBe(true);
    expect(await ledger.readBase()).toEqual(base(1, [family("a_total")]));
  });

  it("holds more than an item does, and drops the chunks that it replaces", async () => {
    const { service, ledger } = openFresh();
    const first = base(1, large());
    expect(await ledger.writeBase(first)).toBe(true);
    expect(await ledger.readBase()).toEqual(first);
    const chunks = await chunksOf(service);
    expect(chunks.length).toBeGreaterThan(1);
    const second = base(2, large());
    expect(await ledger.writeBase(second)).toBe(true);
    expect(await ledger.readBase()).toEqual(second);
    expect(await chunksOf(service)).toHaveLength(chunks.length);
    expect(await ledger.writeBase(base(3, []))).toBe(true);
    expect(await chunksOf(service)).toEqual([]);
  });

  it("leaves no chunk of a write that lost", async () => {
    const { service, ledger } = openFresh();
    expect(await ledger.writeBase(base(1, []))).toBe(true);
    expect(await ledger.writeBase(base(1, large()))).toBe(false);
    expect(await chunksOf(service)).toEqual([]);
  });

  it("sweeps the chunks that a process left which ended before its head was put", async () => {
    const { service, ledger } = openFresh();
    // Twice: more than one page of a query.
    const dying = openDynamoDbLedger({
      client: failingAt((command) => command instanceof PutItemCommand && isHead(command)),
      table: database.table,
      service,
      stage: STAGE,
    });
    await ledger.writeBase(base(1, large()));
    for (const death of [1, 2]) {
      const died = dying.writeBase(base(2, large()));
      await expect(died, `death ${death}`).rejects.toMatchObject({ code: "READ_FAILED" });
    }
    for (let version = 2; version <= 64; version += 1) await ledger.writeBase(base(version, []));
    expect(await chunksOf(service)).not.toEqual([]);
    expect(await ledger.writeBase(base(65, []))).toBe(true);
    expect(await chunksOf(service)).toEqual([]);
  });

  it("sweeps no chunk that is in use or may yet be, nor another document's", async () => {
    const { service, ledger } = openFresh();
    for (let version = 1; version <= 64; version += 1) await ledger.writeBase(base(version, []));
    const later = {
      pk: { S: `LEDGER#${service}#${STAGE}` },
      sk: { S: "BASE#token-of-another#0" },
      v: { N: "66" },
    };
    const floors = { ...later, sk: { S: "FLOOR#token#0" }, v: { N: "1" } };
    for (const Item of [later, floors]) {
      await database.client.send(new PutItemCommand({ TableName: database.table, Item }));
    }
    const written = base(65, large());
    expect(await ledger.writeBase(written)).toBe(true);
    expect(await ledger.readBase()).toEqual(written);
    expect(await chunksOf(service)).toEqual(
      expect.arrayContaining([
        later.sk.S,
        floors.sk.S,
        expect.stringMatching(/^BASE#[0-9a-f-]{36}#0$/),
      ]),
    );
  });

  it("is written though what it replaces can't be deleted", async () => {
    const { service, ledger } = openFresh();
    await ledger.writeBase(base(1, large()));
    const client = failingAt((command) => command instanceof DeleteItemCommand);
    const clumsy = openDynamoDbLedger({ client, table: database.table, service, stage: STAGE });
    expect(await clumsy.writeBase(base(2, []))).toBe(true);
    expect(await ledger.readBase()).toEqual(base(2, []));
    expect(await chunksOf(service)).not.toEqual([]);
  });

  it("is another for each stage of a service", async () => {
    const { service, ledger } = openFresh();
    const { client, table } = database;
    const other = openDynamoDbLedger({ client, table, service, stage: "another" });
    await ledger.writeBase(base(1, []));
    expect((await other.readBase()).version).toBe(0);
    expect(await other.writeBase(base(1, [family("other_total")]))).toBe(true);
    expect(await ledger.readBase()).toEqual(base(1, []));
  });

  it("fails with READ_FAILED when a chunk is missing, and serves no part", async () => {
    const { service, ledger } = openFresh();
    await ledger.writeBase(base(1, large()));
    const [chunk = ""] = await chunksOf(service);
    const Key = { pk: { S: `LEDGER#${service}#${STAGE}` }, sk: { S: chunk } };
    await database.client.send(new DeleteItemCommand({ TableName: database.table, Key }));
    await expect(ledger.readBase()).rejects.toMatchObject({ code: "READ_FAILED" });
  });

  it("gives up a DynamoDB that never answers when it is told to, and closes its socket", async () => {
    let giveUp = new AbortController();
    const silent = createServer(() => giveUp.abort());
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const closed: Promise<unknown>[] = [];
    silent.on("connection", (socket) =>
      closed.push(new Promise((resolve) => socket.on("close", resolve).on("error", () => {}))),
    );
    const client = openTestClient(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const { ledger } = openFresh(client);
    for (const call of [
      (signal: AbortSignal) => ledger.readBase({ signal }),
      (signal: AbortSignal) => ledger.writeBase(base(1, []), { signal }),
      (signal: AbortSignal) => ledger.readFloor({ signal }),
      (signal: AbortSignal) => ledger.writeFloor({ version: 1, families: [] }, { signal }),
    ]) {
      giveUp = new AbortController();
      await expect(call(giveUp.signal)).rejects.toMatchObject({
        code: "READ_FAILED",
        detail: expect.stringContaining("DynamoDB did not answer in time"),
      });
    }
    expect(closed).toHaveLength(4);
    await Promise.all(closed);
  });

  it("fails with READ_FAILED when DynamoDB does", async () => {
    const ledger = openDynamoDbLedger({
      client: database.client,
      table: "absent",
      service: "s",
      stage: STAGE,
    });
    await expect(ledger.readBase()).rejects.toMatchObject({ code: "READ_FAILED" });
    await expect(ledger.writeFloor({ version: 1, families: [] })).rejects.toMatchObject({
      code: "READ_FAILED",
    });
  });
});

/** Whether a put is of a head: its sort key is a name alone. */
function isHead({ input }: PutItemCommand): boolean {
  return !(input.Item?.["sk"]?.S ?? "#").includes("#");
}

/** A client whose process ends at such a command. */
function failingAt(isSuch: (command: unknown) => boolean): DynamoDBClient {
  return new Proxy(database.client, {
    get(target, property) {
      if (property !== "send") return Reflect.get(target, property) as unknown;
      return (command: PutItemCommand) =>
        isSuch(command) ? Promise.reject(new Error("it has ended")) : target.send(command);
    },
  });
}

/** A client whose first command of a kind is carried out twice, as the SDK does for a lost answer. */
function losingAnswerTo(kind: typeof PutItemCommand): DynamoDBClient {
  let isLost = false;
  return new Proxy(database.client, {
    get(target, property) {
      if (property !== "send") return Reflect.get(target, property) as unknown;
      return async (command: PutItemCommand) => {
        if (command instanceof kind && !isLost) {
          isLost = true;
          await target.send(command);
        }
        return target.send(command);
      };
    },
  });
}
