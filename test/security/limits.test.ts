import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeCursor } from "../../lib/trades/cursor.ts";
import { openTradeStore } from "../../lib/trades/trade-store.ts";
import { startApi, type ApiRequest, type TestApi } from "../support/api.ts";
import { tradeRun } from "../support/trades.ts";

const LONG = "A".repeat(100_000);
/** API Gateway lets in at most 10 MB. */
const HUGE = "x".repeat(10 * 1024 * 1024);
const JSON_TYPE = { "content-type": "application/json" };
/** No caller gets back much more than a kilobyte of what it sent wrong. */
const MAX_PROBLEM_BYTES = 8_192;
const LAYOUT = { ttlDays: 0, shards: new Map<string, number>(), recentShards: 4 };

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
  const { client, table } = api.database;
  const store = openTradeStore({ client, table, ...LAYOUT });
  await store.recordTrades(tradeRun({ symbol: "BTCUSDT", count: 30 }));
  await store.recordTrades(tradeRun({ symbol: "ETHUSDT", count: 30 }));
}, 60_000);
afterAll(() => api.close());

describe("what is too long or too much is refused, in few words", () => {
  it.each<[what: string, status: number, request: ApiRequest]>([
    ["a symbol", 400, { path: "/trades", query: { symbol: LONG } }],
    ["a cursor", 400, { path: "/trades", query: { cursor: LONG } }],
    ["a limit", 400, { path: "/trades", query: { limit: "9".repeat(100_000) } }],
    ["a time", 400, { path: "/trades", query: { start_time: `2021-01-08T00:00:00.${LONG}Z` } }],
    ["a name of a parameter", 400, { path: "/trades", query: { [LONG]: "1" } }],
    ["a path parameter", 400, { path: `/summary/${LONG}/${LONG}` }],
    ["a path", 404, { path: `/${LONG}` }],
    ["a body", 413, { method: "POST", path: "/trades", headers: JSON_TYPE, body: HUGE }],
    ["a body of another type", 415, { method: "POST", path: "/trades", body: HUGE }],
    [
      "a list of trades",
      400,
      { method: "POST", path: "/trades", headers: JSON_TYPE, body: listOf(501) },
    ],
    [
      "a depth of JSON",
      400,
      { method: "POST", path: "/trades", headers: JSON_TYPE, body: "[".repeat(500_000) },
    ],
  ])("%s: %i", async (_what, status, request) => {
    const { statusCode, body } = await api.request(request);
    expect(statusCode).toBe(status);
    expect(Buffer.byteLength(body)).toBeLessThan(MAX_PROBLEM_BYTES);
  });

  it.each([
    ["x-correlation-id", LONG],
    ["x-correlation-id", 'a"b'],
    ["x-correlation-id", "a\r\nset-cookie: b"],
    ["accept", LONG],
    ["origin", LONG],
    ["x-prometheus-scrape-timeout-seconds", LONG],
  ])("the header %s is passed over", async (name, value) => {
    for (const path of ["/symbols", "/metrics"]) {
      const { statusCode, headers = {} } = await api.request({ path, headers: { [name]: value } });
      expect(statusCode).toBe(200);
      expect(headers["x-correlation-id"]).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
      expect(JSON.stringify(headers)).not.toContain(value.slice(0, 200));
    }
  });
});

describe("a forged cursor", () => {
  const filters = fc.constantFrom(
    { symbol: "BTCUSDT" },
    { symbol: "ETHUSDT", exchange: "BINANCE" },
    { symbol: "BTCUSDT", exchange: "NONE" },
  );
  /** All that a caller could write into one, who knows how they are made. */
  const positions = fc.oneof(
    fc.integer({ min: 0, max: 2_000_000 }).map((micros) => String(1_610_064_000_000_000 + micros)),
    fc
      .tuple(
        fc.integer({ min: 0, max: 2_000_000 }),
        fc.constantFrom("BINANCE#ETHUSDT#00000000000000000007", "BINANCE#BTCUSDT#1", "~", "#", ""),
      )
      .map(([micros, rest]) => `${1_610_064_000_000_000 + micros}#${rest}`),
    fc.constantFrom("T#ETHUSDT#20210108#0", "LEDGER#k2-trades", "9999999999999999~", "BASE"),
  );

  it("is refused, or shows no trade that its own query would not", async () => {
    await fc.assert(
      fc.asyncProperty(filters, filters, positions, async (asked, madeFor, position) => {
        const cursor = encodeCursor(madeFor, position);
        const query = { ...asked, limit: "1000" };
        const forged = await api.request({ path: "/trades", query: { ...query, cursor } });
        if (forged.statusCode === 400) return;
        expect(madeFor).toEqual(asked);
        const whole = new Set(idsIn((await api.request({ path: "/trades", query })).body));
        expect(idsIn(forged.body).filter((id) => !whole.has(id))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  }, 120_000);

  it("takes one position or another, so that the law says something", async () => {
    const cursor = encodeCursor({ symbol: "BTCUSDT" }, "1610064000300000");
    const query = { symbol: "BTCUSDT", limit: "1000", cursor };
    const { statusCode, body } = await api.request({ path: "/trades", query });
    expect(statusCode).toBe(200);
    expect(idsIn(body).length).toBeGreaterThan(0);
    expect(idsIn(body).length).toBeLessThan(30);
  });
});

function idsIn(body: string): string[] {
  const { trades } = JSON.parse(body) as { trades: { symbol: string; trade_id: string }[] };
  return trades.map(({ symbol, trade_id }) => `${symbol} ${trade_id}`);
}

function listOf(count: number): string {
  return JSON.stringify(tradeRun({ symbol: "BTCUSDT", count }));
}
