import type { APIGatewayProxyResult } from "aws-lambda";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTradeStore } from "../../lib/trades/trade-store.ts";
import type { ApiHandler, ScheduledHandler } from "../../lib/service.ts";
import { apiEvent, lambdaContext, type RequestSketch } from "../support/api-event.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { startPushgateway, type TestPushgateway } from "../support/pushgateway.ts";
import { tradeRun } from "../support/trades.ts";

const TOKEN = "a-token-of-the-test";
const RUN = tradeRun({ symbol: "BTCUSDT", count: 50 });

let database: TestDynamoDB;
let pushgateway: TestPushgateway;
const handlers: Record<string, ApiHandler> = {};
let retire: ScheduledHandler;

beforeAll(async () => {
  database = await startTestDynamoDB();
  pushgateway = await startPushgateway();
  Object.assign(process.env, {
    DYNAMODB_ENDPOINT: database.endpoint,
    TABLE_NAME: database.table,
    PUSHGATEWAY_URL: pushgateway.url,
    METRICS_SCRAPE_TOKEN: TOKEN,
    LOG_LEVEL: "silent",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
  for (const name of [
    "list-trades",
    "list-symbols",
    "summarize-day",
    "publish-trades",
    "scrape-metrics",
    "check-health",
    "show-index",
    "show-openapi",
    "answer-unknown",
  ]) {
    const loaded = (await import(`../../functions/${name}.ts`)) as { handler: ApiHandler };
    handlers[name] = loaded.handler;
  }
  ({ handler: retire } = await import("../../functions/retire-environments.ts"));
  const store = openTradeStore({
    client: database.client,
    table: database.table,
    ttlDays: 0,
    shards: new Map(),
    recentShards: 4,
  });
  await store.recordTrades(RUN);
});
afterAll(async () => {
  await pushgateway.close();
  await database.close();
});

async function call(name: string, sketch: RequestSketch = {}): Promise<APIGatewayProxyResult> {
  const handler = handlers[name];
  if (handler === undefined) throw new Error(`no function ${name}`);
  return handler(apiEvent(sketch), lambdaContext());
}
const bodyOf = (result: APIGatewayProxyResult) => JSON.parse(result.body) as Record<string, any>;
const scrape = (headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }) =>
  call("scrape-metrics", { route: "/metrics", headers });

describe("the API's functions", () => {
  it("GET /trades answers a page with its count and the cursor of the next", async () => {
    const first = await call("list-trades", { query: { symbol: "BTCUSDT", limit: "20" } });
    expect(first.statusCode).toBe(200);
    const { count, trades, next_cursor: cursor } = bodyOf(first);
    expect({ count, length: trades.length }).toEqual({ count: 20, length: 20 });
    expect(trades[0]).toMatchObject({ symbol: "BTCUSDT", price: RUN.at(-1)?.price });
    const rest = await call("list-trades", { query: { symbol: "BTCUSDT", cursor } });
    expect(bodyOf(rest)).toMatchObject({ count: 30, next_cursor: null });
  });

  it("GET /trades works with limit alone", async () => {
    expect(bodyOf(await call("list-trades", { query: { limit: "10" } }))["count"]).toBe(10);
  });

  it("names every bad parameter at once, with what was expected", async () => {
    const query = { limit: "0", symbol: "btc usdt", start_time: "yesterday", colour: "red" };
    const result = await call("list-trades", { query });
    expect(result.statusCode).toBe(400);
    expect(result.headers?.["content-type"]).toContain("application/problem+json");
    const { errors } = bodyOf(result);
    const pointers = errors.map(({ pointer }: { pointer: string }) => pointer).sort();
    expect(pointers).toEqual(["/colour", "/limit", "/start_time", "/symbol"]);
    for (const { detail } of errors) expect(detail).toMatch(/expected|unknown/i);
  });

  it("refuses a cursor of another query", async () => {
    const { next_cursor: cursor } = bodyOf(await call("list-trades", { query: { limit: "5" } }));
    const result = await call("list-trades", { query: { symbol: "BTCUSDT", cursor } });
    expect(result.statusCode).toBe(400);
    expect(bodyOf(result)["errors"][0]).toMatchObject({ pointer: "/cursor" });
  });

  it("GET /symbols and GET /summary answer what was recorded", async () => {
    const symbols = bodyOf(await call("list-symbols", { route: "/symbols" }));
    expect(symbols["symbols"]).toMatchObject([{ symbol: "BTCUSDT", trade_count: 50 }]);
    const route = "/summary/{symbol}/{date}";
    const pathParameters = { symbol: "BTCUSDT", date: "2021-01-08" };
    const summary = await call("summarize-day", { route, pathParameters });
    expect(bodyOf(summary)).toMatchObject({ open: RUN[0]?.price, close: RUN.at(-1)?.price });
    expect(summary.headers?.["cache-control"]).toContain("max-age");
    const none = { symbol: "BTCUSDT", date: "2021-01-09" };
    expect((await call("summarize-day", { route, pathParameters: none })).statusCode).toBe(404);
    const bad = { symbol: "BTCUSDT", date: "2021-02-30" };
    expect((await call("summarize-day", { route, pathParameters: bad })).statusCode).toBe(400);
  });

  it("puts the correlation id that was given on the response, else one of its own", async () => {
    const given = await call("show-index", {
      route: "/",
      headers: { "X-Correlation-Id": "abc-1" },
    });
    expect(given.headers?.["x-correlation-id"]).toBe("abc-1");
    const made = await call("show-index", { route: "/" });
    expect(made.headers?.["x-correlation-id"]).toMatch(/^[A-Za-z0-9._:-]{8,}$/);
  });

  it("answers 404 to an unknown path and 405 with Allow to a known path's other method", async () => {
    const unknown = await call("answer-unknown", {
      route: "/{proxy+}",
      pathParameters: { proxy: "x" },
    });
    expect(unknown.statusCode).toBe(404);
    const method = await call("answer-unknown", { method: "DELETE", route: "/trades" });
    expect(method.statusCode).toBe(405);
    expect(method.headers?.["allow"]).toContain("GET");
  });

  it("GET /health tells each part's state and latency", async () => {
    const health = await call("check-health", { route: "/health" });
    expect(health.statusCode).toBe(200);
    expect(health.body).toMatch(/latency_ms/);
  });

  it("GET /openapi.json describes every route", async () => {
    const { paths } = bodyOf(await call("show-openapi", { route: "/openapi.json" }));
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(["/trades", "/metrics", "/health"]));
  });

  it.each([{}, { authorization: "Bearer wrong" }, { authorization: TOKEN }])(
    "GET /metrics with %o is 401 and says how to authenticate",
    async (headers) => {
      const result = await scrape(headers);
      expect(result.statusCode).toBe(401);
      expect(result.headers?.["www-authenticate"]).toContain("Bearer");
      expect(result.body).not.toContain("api_requests_total");
    },
  );

  it("GET /metrics counts exactly the requests made, under their templates", async () => {
    const counted = async () => {
      const { body } = await scrape();
      const line = body
        .split("\n")
        .find(
          (one) =>
            one.startsWith("api_requests_total{") &&
            one.includes('"/symbols"') &&
            one.includes('status_code="200"'),
        );
      return Number(line?.split(" ").at(-1) ?? 0);
    };
    const before = await counted();
    await Promise.all(
      Array.from({ length: 40 }, () => call("list-symbols", { route: "/symbols" })),
    );
    expect((await counted()) - before).toBe(40);
  });

  it("counts the same after a retirement run", async () => {
    await retire({}, lambdaContext());
    expect((await scrape()).statusCode).toBe(200);
  });

  it("answers 503 and no samples when a Pushgateway can't be read", async () => {
    const { scrape: read } = await import("../../lib/metrics/scrape.ts");
    const { createMemoryLedger } = await import("../support/memory-ledger.ts");
    const { openPushgateway } = await import("../../lib/metrics/pushgateway.ts");
    const { DEFAULT_WINDOWS } = await import("../../lib/metrics/ledger.ts");
    const url = "http://127.0.0.1:1";
    const page = read({
      service: "s",
      ledger: createMemoryLedger(),
      urls: [url],
      open: () => openPushgateway({ url }),
      windows: DEFAULT_WINDOWS,
      timeoutMs: 1_000,
    });
    await expect(page).rejects.toMatchObject({ code: "READ_FAILED", status: 503 });
  });

  it("never answers 500, whatever the parameters, headers and bodies", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom(
        "BTCUSDT",
        "BINANCE",
        "100",
        "-1",
        "1e3",
        "2021-01-08T00:00:00Z",
        "2021-01-08",
        "__proto__",
      ),
    );
    const names = fc.oneof(
      fc.constantFrom("symbol", "exchange", "start_time", "end_time", "limit", "cursor"),
      fc.string({ maxLength: 12 }),
    );
    const requests = fc.record({
      name: fc.constantFrom(...Object.keys(handlers)),
      query: fc.dictionary(names, fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 })), {
        maxKeys: 5,
      }),
      headers: fc.dictionary(
        fc.oneof(
          fc.constantFrom("accept", "authorization", "x-correlation-id", "content-type"),
          text,
        ),
        text,
        { maxKeys: 4 },
      ),
      body: fc.option(text, { nil: undefined }),
      symbol: text,
      date: text,
    });
    await fc.assert(
      fc.asyncProperty(requests, async ({ name, symbol, date, body, ...rest }) => {
        const route = name === "summarize-day" ? "/summary/{symbol}/{date}" : "/trades";
        const sketch = { ...rest, route, pathParameters: { symbol, date } };
        const result = await call(name, body === undefined ? sketch : { ...sketch, body });
        expect(result.statusCode).not.toBe(500);
        if (result.statusCode < 400) return;
        expect(result.headers?.["content-type"]).toContain("application/problem+json");
        expect(bodyOf(result)).toMatchObject({
          status: result.statusCode,
          title: expect.any(String),
        });
      }),
      { numRuns: 300 },
    );
  }, 120_000);
});
