import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DeleteItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Trade } from "../../lib/trades/trade.ts";
import { openTestClient, startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { type Fault, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { makeScarce } from "../support/scarce-dynamodb.ts";
import {
  expectStored,
  openTestStore,
  scan,
  type StoredItem,
  walk,
} from "../support/stored-trades.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

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

/** DynamoDB's limit on an item. */
const MAX_ITEM_BYTES = 400 * 1024;

let symbols = 0;
const freshSymbol = () => `RECORDED${(symbols += 1)}`;
const openStore = (options = {}) => openTestStore({ ...database, ...options });

/** A client through the proxy that sends each request once. */
function openProxied() {
  const client = openTestClient(proxy.url, 1);
  onTestFinished(() => client.destroy());
  return client;
}

/** The heads written through the proxy, each a commit: the size of each, as DynamoDB counts it. */
function commitsOf(symbol: string): number[] {
  return proxy.requests.flatMap(({ headers, body }) => {
    if (!String(headers["x-amz-target"]).endsWith("PutItem")) return [];
    const { Item } = JSON.parse(body.toString()) as { Item: Attributes };
    return Item["pk"]?.["S"] === `W#${symbol}` ? [sizeOf(Item)] : [];
  });
}

/** An item, or an attribute that is a map. */
interface Attributes {
  readonly [name: string]: Readonly<Record<string, string | Attributes>>;
}

function sizeOf(attributes: Attributes): number {
  return Object.entries(attributes).reduce((sum, [name, value]) => {
    const [[type, content] = ["", ""]] = Object.entries(value);
    if (typeof content !== "string") return sum + name.length + sizeOf(content);
    return sum + name.length + Buffer.byteLength(content, type === "B" ? "base64" : "utf8");
  }, 0);
}

describe("a large batch of one symbol", () => {
  it("takes several commits, and is the same as in one", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 4_300, stepMs: 60_000 });
    const store = openStore({ client: openProxied() });
    // What the first commit wrote is a duplicate, or a conflict, in the last.
    const again = [run[0]!, { ...run[1]!, price: "1.00000000" }];
    const { recorded, duplicates, conflicts } = await store.recordTrades([...run, ...again]);
    expect({ recorded, duplicates }).toEqual({ recorded: 4_300, duplicates: 1 });
    expect(conflicts).toEqual([{ trade: again[1], fields: ["price"] }]);
    expect(commitsOf(symbol)).toHaveLength(3);
    await expectStored(store, symbol, run);
  }, 120_000);

  it("of trades that don't compress takes commits within DynamoDB's limit on an item", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 900 }).map((trade) => ({
      ...trade,
      vendor_data: { noise: randomBytes(1_400).toString("base64") },
    }));
    const store = openStore({ client: openProxied() });
    expect(await store.recordTrades(run)).toMatchObject({ recorded: 900, duplicates: 0 });
    const sizes = commitsOf(symbol);
    expect(sizes.length).toBeGreaterThan(2);
    expect(Math.max(...sizes)).toBeLessThan(MAX_ITEM_BYTES);
    // Nor are they smaller than they have to be.
    expect(Math.max(...sizes)).toBeGreaterThan(MAX_ITEM_BYTES / 3);
    await expectStored(store, symbol, run);
  }, 120_000);

  it("keeps as much as fits when DynamoDB does bulk requests in part", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 300 });
    const client = openProxied();
    makeScarce(client, (count) => Math.ceil(count / 3));
    const store = openStore({ client });
    expect(await store.recordTrades(run)).toMatchObject({ recorded: 300 });
    await expectStored(openStore(), symbol, run);
  });
});

describe("a batch of many symbols", () => {
  it("costs each three requests of its own, whatever exchanges and however often it has had some", async () => {
    const symbols = Array.from({ length: 20 }, freshSymbol);
    const batchFrom = (firstId: number) =>
      symbols.flatMap((symbol) =>
        ["BINANCE", "COINBASE"].flatMap((exchange) =>
          tradeRun({ symbol, count: 5, firstId }).map((trade) => ({ ...trade, exchange })),
        ),
      );
    const store = openStore({ client: openProxied() });
    const putsOf = async (trades: readonly Trade[]) => {
      const before = proxy.requests.length;
      expect(await store.recordTrades(trades)).toMatchObject({ recorded: trades.length });
      const targets = proxy.requests.slice(before).map(({ headers }) => headers["x-amz-target"]);
      return targets.filter((target) => String(target).endsWith(".PutItem")).length;
    };
    // The head, the day and the symbol; the first batch may have entered the day in the feed.
    expect(await putsOf(batchFrom(0))).toBeLessThanOrEqual(symbols.length * 3 + 1);
    expect(await putsOf(batchFrom(5))).toBe(symbols.length * 3);
  });
});

describe("a batch interrupted at any one of its requests", () => {
  const refused: Fault = {
    type: "status",
    status: 400,
    headers: { "content-type": "application/x-amz-json-1.0" },
    body: JSON.stringify({ __type: "x#ProvisionedThroughputExceededException" }),
  };
  const faults: [name: string, fault: Fault][] = [
    ["the request is lost", { type: "reset-before" }],
    ["the answer is lost", { type: "reset-after" }],
    ["the request is lost, and comes in later", { type: "reset-and-apply-late", delayMs: 15 }],
    ["DynamoDB refuses it for load", refused],
  ];

  it.each(faults)(
    "when %s, is exact once it came again",
    async (_fact, fault) => {
      let [position, met] = [0, 0];
      const faulty = await startFaultyProxy({
        target: database.endpoint,
        faultOf: () => (met++ === position ? fault : { type: "none" }),
      });
      const client = openTestClient(faulty.url, 1);
      onTestFinished(async () => {
        client.destroy();
        await faulty.close();
      });
      do {
        // Three days, an id that is no counter's, a trade from the batch before, a block of ids to close.
        const symbol = freshSymbol();
        const run = tradeRun({ symbol, count: 30, stepMs: 4_000_000, firstId: 254 });
        const named = tradeOf({ symbol, trade_id: "x-1", timestamp: "2021-01-07T23:00:00Z" });
        const trades = [...run, named];
        const batch = trades.slice(2);
        await openStore().recordTrades(trades.slice(0, 3));
        met = 0;
        await openStore({ client })
          .recordTrades(batch)
          .catch((error: unknown) => expect(error).toMatchObject({ name: "ServiceError" }));
        await openStore().recordTrades(batch);
        // What comes in late does so after the batch came again, and another finds it.
        await faulty.settled();
        expect(await openStore().recordTrades(trades)).toMatchObject({ duplicates: trades.length });
        await expectStored(openStore(), symbol, trades);
        position += 1;
      } while (met >= position);
      expect(position).toBeGreaterThan(12);
    },
    120_000,
  );
});

describe("several writers of one symbol", () => {
  it("record each trade once, and one of them says so", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 600, stepMs: 600_000 });
    const starts = [0, 100, 200, 300];
    const results = await Promise.all(
      starts.map(async (start) => {
        const store = openStore({ pause: delay });
        return store.recordTrades(run.slice(start, start + 300));
      }),
    );
    const recorded = results.reduce((sum, result) => sum + result.recorded, 0);
    const duplicates = results.reduce((sum, result) => sum + result.duplicates, 0);
    expect({ recorded, duplicates }).toEqual({ recorded: 600, duplicates: 600 });
    await expectStored(openStore(), symbol, run);
  }, 60_000);
});

describe("trades that expire", () => {
  const expiry = ({ ttl }: StoredItem) => ttl?.N ?? "never";

  it("say when, counted from their ingestion; ids and totals stay", async () => {
    const symbol = freshSymbol();
    const trades = ["2025-11-23T12:00:00Z", "2025-11-24T12:00:00Z"].map((ingestion, index) =>
      tradeOf({
        symbol,
        trade_id: String(index),
        timestamp: `2031-05-0${index + 1}T00:00:00Z`,
        ingestion_timestamp: ingestion,
      }),
    );
    await openStore({ ttlDays: 30 }).recordTrades(trades);
    const stored = await scan(database, `T#${symbol}#`);
    expect(stored.map(expiry).sort()).toEqual(["1766491200", "1766577600"]);
    // A week after the last trade of the day, on a whole day.
    const days = await scan(database, "DAYS");
    const ofTrades = days.filter(({ sk }) => sk?.S?.startsWith("203105"));
    expect(ofTrades.map(expiry).sort()).toEqual(["1767139200", "1767225600"]);
    for (const prefix of [`I#BINANCE#${symbol}#`, `D#${symbol}`, `W#${symbol}`, "SYMBOLS#"])
      expect((await scan(database, prefix)).map(expiry)).not.toContainEqual(
        expect.stringMatching(/\d/),
      );
  });

  it("have no expiry unless it is asked for", async () => {
    const symbol = freshSymbol();
    const timestamp = "2032-05-01T00:00:00Z";
    await openStore().recordTrades([tradeOf({ symbol, timestamp })]);
    const written = [
      ...(await scan(database, `T#${symbol}#`)),
      ...(await scan(database, "DAYS")).filter(({ sk }) => sk?.S === "20320501"),
    ];
    expect(written).toHaveLength(2);
    expect(written.map(expiry)).toEqual(["never", "never"]);
  });

  it("are duplicates still when they come again, and leave the day's totals as they were", async () => {
    const symbol = freshSymbol();
    const run = tradeRun({ symbol, count: 20, start: "2033-05-01T00:00:00Z" });
    const store = openStore({ ttlDays: 30 });
    await store.recordTrades(run);
    const before = await store.summarizeDay(symbol, "2033-05-01");
    await expire(`T#${symbol}#`);
    await expire("DAYS");
    expect(await walk(store, { symbol })).toEqual([]);
    expect(await store.recordTrades(run)).toMatchObject({ recorded: 0, duplicates: 20 });
    const late = tradeOf({ symbol, trade_id: "late", timestamp: "2033-05-01T12:00:00Z" });
    // Longer than any of the others.
    const ingestion_timestamp = "2200-01-01T00:00:00.000000Z";
    await store.recordTrades([{ ...late, ingestion_timestamp }]);
    const ids = (trades: readonly Trade[]) => trades.map(({ trade_id }) => trade_id);
    expect(ids(await walk(store, { symbol }))).toEqual(["late"]);
    const range = { start_time: "2033-05-01T00:00:00Z", end_time: "2033-05-02T00:00:00Z" };
    expect(ids(await walk(store, range))).toEqual(["late"]);
    const after = await store.summarizeDay(symbol, "2033-05-01");
    expect(after.summary).toMatchObject({ open: before.summary?.open, trade_count: 21 });
  });

  /** What DynamoDB does to items past their time. */
  async function expire(prefix: string): Promise<void> {
    const { client, table: TableName } = database;
    for (const { pk, sk, ttl } of await scan(database, prefix))
      if (ttl !== undefined)
        await client.send(new DeleteItemCommand({ TableName, Key: { pk: pk!, sk: sk! } }));
  }
});
