import type { APIGatewayProxyResult } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allowedMethods, TEMPLATES } from "../../lib/routes.ts";
import type { ScheduledHandler } from "../../lib/scheduled-function.ts";
import { openTradeStore } from "../../lib/trades/trade-store.ts";
import { type ApiRequest, startApi, type TestApi } from "../support/api.ts";
import { lambdaContext } from "../support/api-event.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

const TOKEN = "a-token-of-the-test";
const ORIGIN = "https://app.example.com";
const RUN = tradeRun({ symbol: "BTCUSDT", count: 50 });
const WITH_SLASH = tradeOf({ symbol: "EUR/USD", exchange: "XOFF", trade_id: "77" });

let api: TestApi;
let retire: ScheduledHandler;

beforeAll(async () => {
  api = await startApi({ METRICS_SCRAPE_TOKEN: TOKEN, CORS_ORIGINS: ORIGIN });
  ({ handler: retire } = await import("../../functions/retire-environments.ts"));
  const { client, table } = api.database;
  const layout = { ttlDays: 0, shards: new Map<string, number>(), recentShards: 4 };
  const store = openTradeStore({ client, table, ...layout });
  await store.recordTrades([...RUN, WITH_SLASH]);
});
afterAll(() => api.close());

const get = (path: string, rest: Omit<ApiRequest, "path"> = {}) => api.request({ path, ...rest });
const bodyOf = (result: APIGatewayProxyResult) => JSON.parse(result.body) as Record<string, any>;
const authorization = `Bearer ${TOKEN}`;
const scrape = (headers: Record<string, string> = { authorization }) =>
  get("/metrics", { headers });

/** A request of each template that is answered with 200. */
const REQUESTS: Readonly<Record<(typeof TEMPLATES)[number], ApiRequest>> = {
  "/": { path: "/" },
  "/trades": { path: "/trades", query: { limit: "10" } },
  "/symbols": { path: "/symbols" },
  "/summary/{symbol}/{date}": { path: "/summary/BTCUSDT/2021-01-08" },
  "/metrics": { path: "/metrics", headers: { authorization } },
  "/health": { path: "/health" },
  "/openapi.json": { path: "/openapi.json" },
};

describe("every route", () => {
  it.each(TEMPLATES)(
    "GET %s answers 200 as openapi.json says, and as no cache may keep",
    async (template) => {
      const result = await api.request(REQUESTS[template]);
      expect(result.statusCode).toBe(200);
      expect(result.headers).toMatchObject({ "x-content-type-options": "nosniff" });
      expect(result.headers?.["cache-control"]).toMatch(/^no-store$|max-age=\d+$/);
    },
  );

  it.each(TEMPLATES)("HEAD %s answers as GET does, without the body", async (template) => {
    const [head, full] = await Promise.all(
      ["HEAD", "GET"].map((method) => api.request({ ...REQUESTS[template], method })),
    );
    expect(head).toEqual({ ...full, body: "" });
  });

  it.each(TEMPLATES)("OPTIONS %s tells the methods, to another origin too", async (template) => {
    const { path } = REQUESTS[template];
    const headers = { origin: ORIGIN, "access-control-request-method": "GET" };
    const result = await api.request({ method: "OPTIONS", path, headers });
    const allow = allowedMethods(template).join(", ");
    expect(result).toMatchObject({
      statusCode: 204,
      body: "",
      headers: {
        allow,
        "access-control-allow-methods": allow,
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-headers": expect.stringContaining("x-api-key"),
      },
    });
  });

  it.each(TEMPLATES)(
    "%s answers 405 with Allow to the methods it does not have",
    async (template) => {
      const allowed = allowedMethods(template);
      const others = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].filter(
        (method) => !allowed.includes(method),
      );
      expect(others).not.toEqual([]);
      for (const method of others) {
        const result = await api.request({ ...REQUESTS[template], method, body: "{}" });
        expect(result).toMatchObject({ statusCode: 405, headers: { allow: allowed.join(", ") } });
      }
    },
  );

  it.each([
    "/nope",
    "/trades/x",
    "/trades/x/y",
    "/symbols/BTCUSDT",
    "/summary",
    "/summary/BTCUSDT",
    "/summary/BTCUSDT/2021-01-08/x",
    "/metrics/x",
    "/health/x",
    "/openapi.json/x",
    "/openapi",
    "/__proto__",
    "/%2e%2e/etc",
    "/%",
  ])("%s is 404, whatever the method", async (path) => {
    for (const method of ["GET", "POST", "OPTIONS", "HEAD"]) {
      expect((await api.request({ method, path })).statusCode).toBe(404);
    }
  });
});

describe("GET /trades", () => {
  it("answers a page with its count and the cursor of the next", async () => {
    const first = await get("/trades", { query: { symbol: "BTCUSDT", limit: "20" } });
    const { count, trades, next_cursor: cursor } = bodyOf(first);
    expect({ count, length: trades.length }).toEqual({ count: 20, length: 20 });
    expect(trades[0]).toMatchObject({ symbol: "BTCUSDT", price: RUN.at(-1)?.price });
    const rest = await get("/trades", { query: { symbol: "BTCUSDT", cursor } });
    expect(bodyOf(rest)).toMatchObject({ count: 30, next_cursor: null });
  });

  it("works with limit alone", async () => {
    expect(bodyOf(await get("/trades", { query: { limit: "10" } }))["count"]).toBe(10);
  });

  it("takes its start in and leaves its end out", async () => {
    const times = [...new Set(RUN.map(({ timestamp }) => timestamp))];
    const [start_time = "", end_time = ""] = [times[3], times[9]];
    const result = await get("/trades", { query: { symbol: "BTCUSDT", start_time, end_time } });
    const within = RUN.filter(({ timestamp: t }) => t >= start_time && t < end_time);
    expect(bodyOf(result)["trades"].map((trade: { trade_id: string }) => trade.trade_id)).toEqual(
      within.map(({ trade_id }) => trade_id).reverse(),
    );
  });

  it("names every bad parameter at once, with what was expected", async () => {
    const query = {
      limit: "0",
      symbol: "btc usdt",
      start_time: "yesterday",
      exchange: ["A", "B"],
      cursor: "!",
      colour: "red",
    };
    const result = await get("/trades", { query });
    expect(result.statusCode).toBe(400);
    const { errors } = bodyOf(result);
    const pointers = errors.map(({ pointer }: { pointer: string }) => pointer).sort();
    expect(pointers).toEqual([
      "/colour",
      "/cursor",
      "/exchange",
      "/limit",
      "/start_time",
      "/symbol",
    ]);
    for (const { detail } of errors) expect(detail).toMatch(/^expected \S|^unknown; known are \S/);
  });

  it("refuses a cursor of another query, beside whatever else is wrong", async () => {
    const { next_cursor: cursor } = bodyOf(await get("/trades", { query: { limit: "5" } }));
    const result = await get("/trades", { query: { symbol: "BTCUSDT", cursor, limit: "x" } });
    expect(bodyOf(result)["errors"]).toMatchObject([{ pointer: "/limit" }, { pointer: "/cursor" }]);
  });
});

describe("GET /symbols and GET /summary", () => {
  it("answer what was recorded", async () => {
    expect(bodyOf(await get("/symbols"))["symbols"]).toMatchObject([
      { symbol: "BTCUSDT", trade_count: 50 },
      { symbol: "EUR/USD", trade_count: 1 },
    ]);
    const summary = await get("/summary/BTCUSDT/2021-01-08");
    expect(bodyOf(summary)).toMatchObject({ open: RUN[0]?.price, close: RUN.at(-1)?.price });
    expect(summary.headers?.["cache-control"]).toBe("private, max-age=3600");
  });

  it("take a symbol with a slash as %2F", async () => {
    const summary = await get("/summary/EUR%2FUSD/2021-01-08");
    expect(bodyOf(summary)).toMatchObject({ symbol: "EUR/USD", trade_count: 1 });
  });

  it("name both path parameters when both are bad", async () => {
    const result = await get("/summary/btc%ff/2021-02-30");
    expect(result.statusCode).toBe(400);
    const { errors } = bodyOf(result);
    expect(errors).toMatchObject([{ pointer: "/symbol" }, { pointer: "/date" }]);
    for (const { detail } of errors) expect(detail).toMatch(/^expected \S/);
  });

  it("are not kept by a cache while the day may still change", async () => {
    const today = new Date();
    const trade = tradeOf({ trade_id: "9", symbol: "NEW", timestamp: today.toISOString() });
    const { client, table } = api.database;
    const layout = { ttlDays: 0, shards: new Map<string, number>(), recentShards: 4 };
    await openTradeStore({ client, table, ...layout }).recordTrades([trade]);
    const summary = await get(`/summary/NEW/${today.toISOString().slice(0, 10)}`);
    expect(summary).toMatchObject({ statusCode: 200, headers: { "cache-control": "no-store" } });
  });
});

describe("the correlation id", () => {
  it("is the one that was given, else one of its own, on errors too", async () => {
    const headers = { "X-Correlation-Id": "abc-1" };
    for (const path of ["/", "/nope", "/trades"]) {
      const given = await get(path, { headers, query: { limit: "0" } });
      expect(given.headers?.["x-correlation-id"]).toBe("abc-1");
      const made = await get(path);
      expect(made.headers?.["x-correlation-id"]).toMatch(/^[A-Za-z0-9._:-]{8,}$/);
    }
  });
});

describe("another origin", () => {
  it.each(["/symbols", "/nope", "/summary/X/Y"])("may read %s when it is allowed", async (path) => {
    const answer = await get(path, { headers: { origin: ORIGIN } });
    expect(answer.headers).toMatchObject({ "access-control-allow-origin": ORIGIN, vary: "origin" });
    const other = await get(path, { headers: { origin: "https://elsewhere.example" } });
    expect(other.headers).not.toHaveProperty("access-control-allow-origin");
  });
});

describe("GET /health", () => {
  it("tells each part's state and latency", async () => {
    const { status, checks } = bodyOf(await get("/health"));
    expect(status).toBe("ok");
    expect(checks.map(({ name }: { name: string }) => name)).toEqual(["dynamodb", "pushgateway"]);
  });

  it("is 503 in the same form without DynamoDB, and 200 without a Pushgateway", async () => {
    await api.databaseProxy.refuseConnections();
    const down = await get("/health");
    await api.databaseProxy.acceptConnections();
    expect(down.statusCode).toBe(503);
    expect(bodyOf(down)).toMatchObject({ status: "unavailable" });
    await api.pushgatewayProxy.refuseConnections();
    const degraded = await get("/health");
    await api.pushgatewayProxy.acceptConnections();
    expect(degraded.statusCode).toBe(200);
    expect(bodyOf(degraded)).toMatchObject({ status: "degraded" });
  });
});

describe("GET /metrics", () => {
  it.each([{}, { authorization: "Bearer wrong" }, { authorization: TOKEN }])(
    "with %o is 401 and says how to authenticate",
    async (headers) => {
      const result = await scrape(headers);
      expect(result.statusCode).toBe(401);
      expect(result.headers?.["www-authenticate"]).toContain("Bearer");
      expect(result.body).not.toContain("api_requests_total");
    },
  );

  it.each([
    [undefined, "text/plain; version=0.0.4; charset=utf-8"],
    ["application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8"],
  ])("answers accept %s with %s", async (accept, contentType) => {
    const result = await scrape({ authorization, ...(accept === undefined ? {} : { accept }) });
    expect(result.headers).toMatchObject({ "content-type": contentType, vary: "accept, origin" });
    expect(result.body.endsWith("# EOF\n")).toBe(accept !== undefined);
  });

  it("counts exactly the requests made, under their templates", async () => {
    const counted = async () => {
      const { body } = await scrape();
      // Whatever was answered: a busy machine may answer some with 503.
      const lines = body
        .split("\n")
        .filter((one) => /^api_requests_total\{.*"\/symbols"/.test(one));
      return lines.reduce((all, line) => all + Number(line.split(" ").at(-1)), 0);
    };
    const before = await counted();
    await Promise.all(Array.from({ length: 40 }, () => get("/symbols")));
    expect((await counted()) - before).toBe(40);
    await retire({}, lambdaContext());
    expect((await counted()) - before).toBe(40);
  });

  it("tells its size, of which a scraper's limit would have to be larger", async () => {
    const { body } = await scrape();
    const told = Number(/^metrics_page_bytes\{.*\} (\d+)$/m.exec(body)?.[1]);
    const rest = body.split("\n").filter((line) => !line.includes("metrics_page_"));
    expect(told).toBe(Buffer.byteLength(JSON.stringify(rest.join("\n"))));
  });

  it("is 503 before the scraper gives up, when a Pushgateway is slower than that", async () => {
    api.pushgatewayProxy.inject({ type: "delay-before", delayMs: 3_000 });
    const result = await scrape({ authorization, "x-prometheus-scrape-timeout-seconds": "1" });
    await api.pushgatewayProxy.settled();
    expect(result.statusCode).toBe(503);
    expect(bodyOf(result)).toMatchObject({ type: "/problems/read-failed" });
  });

  it("is 503 and no samples when a Pushgateway can't be read", async () => {
    await api.pushgatewayProxy.refuseConnections();
    const result = await scrape();
    await api.pushgatewayProxy.acceptConnections();
    expect(result.statusCode).toBe(503);
    expect(bodyOf(result)).toMatchObject({ type: "/problems/read-failed" });
  });
});
