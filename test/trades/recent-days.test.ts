import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openRecentDays } from "../../lib/trades/recent-days.ts";
import { openTable } from "../../lib/trades/table.ts";
import { openTestClient, startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { scan } from "../support/stored-trades.ts";

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

const DAY = 86_400;
let days = 0;
const freshDay = () => `2021${String((days += 1)).padStart(4, "0")}`;

/** The days as one call of the store sees them, and what it asked of DynamoDB. */
function open(shards: number, maxAttempts = 1) {
  const client = openTestClient(proxy.url, maxAttempts);
  onTestFinished(() => client.destroy());
  const table = openTable({ client, table: database.table, pause: () => Promise.resolve() });
  const from = proxy.requests.length;
  return {
    ...openRecentDays(table, shards),
    asked: () =>
      proxy.requests
        .slice(from)
        .map(({ headers }) => String(headers["x-amz-target"]).split(".").at(-1)),
  };
}

async function entryOf(day: string) {
  const found = (await scan(database, "DAYS")).find(({ sk }) => sk?.S === day);
  return found === undefined ? undefined : { shards: found["n"]?.N, ttl: found["ttl"]?.N };
}

describe("a day's feed", () => {
  it("has the shards that its first writer gave it, for every later one", async () => {
    const day = freshDay();
    expect(await open(4).shardsOf(day, undefined)).toBe(4);
    expect(await open(9).shardsOf(day, undefined)).toBe(4);
    expect(await entryOf(day)).toEqual({ shards: "4", ttl: undefined });
  });

  it("has them also when many begin the day at once", async () => {
    const day = freshDay();
    const counts = Array.from({ length: 12 }, (_, at) => at + 1);
    const found = await Promise.all(counts.map((shards) => open(shards).shardsOf(day, undefined)));
    expect(new Set(found).size).toBe(1);
    expect((await entryOf(day))?.shards).toBe(String(found[0]));
  });

  it("is asked for once in a call, however often and at the same time it is needed", async () => {
    const day = freshDay();
    const recentDays = open(3);
    await Promise.all([1, 2, 3].map(() => recentDays.shardsOf(day, undefined)));
    await recentDays.shardsOf(day, undefined);
    expect(recentDays.asked()).toEqual(["GetItem", "PutItem"]);
  });

  it("is found though the answer to its entry was lost", async () => {
    const day = freshDay();
    const recentDays = open(5, 3);
    proxy.inject({ type: "none" }, { type: "reset-after" });
    expect(await recentDays.shardsOf(day, undefined)).toBe(5);
    expect(recentDays.asked()).toEqual(["GetItem", "PutItem", "PutItem", "GetItem"]);
  });
});

describe("the entry of a day", () => {
  // A trade's expiry at noon of day 10; the entry goes a week after it, on a whole day.
  const noon = 10 * DAY + DAY / 2;

  it("outlives its last trade by a week", async () => {
    const day = freshDay();
    await open(1).shardsOf(day, noon);
    expect(await entryOf(day)).toEqual({ shards: "1", ttl: String(18 * DAY) });
  });

  it.each([
    ["earlier", noon - 3 * DAY, 18 * DAY, false],
    ["later on the same day", noon + DAY / 4, 18 * DAY, false],
    ["a day later", noon + DAY, 19 * DAY, true],
    ["never", undefined, undefined, true],
  ])("when another trade expires %s is kept for both", async (_fact, expiry, ttl, isWritten) => {
    const day = freshDay();
    await open(2).shardsOf(day, noon);
    const second = open(7);
    expect(await second.shardsOf(day, expiry)).toBe(2);
    expect(await entryOf(day)).toEqual({
      shards: "2",
      ttl: ttl === undefined ? undefined : String(ttl),
    });
    expect(second.asked()).toEqual(isWritten ? ["GetItem", "PutItem"] : ["GetItem"]);
  });

  it("stays for ever once a trade does", async () => {
    const day = freshDay();
    await open(1).shardsOf(day, undefined);
    await open(1).shardsOf(day, noon);
    expect((await entryOf(day))?.ttl).toBeUndefined();
  });

  it("keeps the latest of expiries that writers at the same time ask for", async () => {
    const day = freshDay();
    const expiries = [3, 1, 5, 2, 4].map((at) => at * DAY);
    const found = await Promise.all(expiries.map((expiry) => open(6).shardsOf(day, expiry)));
    expect(found).toEqual([6, 6, 6, 6, 6]);
    expect((await entryOf(day))?.ttl).toBe(String(12 * DAY));
  });
});
