import type { APIGatewayProxyResult } from "aws-lambda";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openTradeStore } from "../../lib/trades/trade-store.ts";
import { startApi, type TestApi } from "../support/api.ts";
import { tradeRun } from "../support/trades.ts";

const TOKEN = "a-token-of-the-test";
/** Longer than a handler may take at all, so that only one that hangs is cut. */
const TIMEOUT_MS = 240_000;

let api: TestApi;
let cursor: string;

beforeAll(async () => {
  api = await startApi({ METRICS_SCRAPE_TOKEN: TOKEN });
  const { client, table } = api.database;
  const layout = { ttlDays: 0, shards: new Map<string, number>(), recentShards: 4 };
  await openTradeStore({ client, table, ...layout }).recordTrades(
    tradeRun({ symbol: "BTCUSDT", count: 20 }),
  );
  const page = await api.request({ path: "/trades", query: { limit: "5" } });
  cursor = (JSON.parse(page.body) as { next_cursor: string }).next_cursor;
});
afterAll(() => api.close());

const PLAUSIBLE = ["BTCUSDT", "BINANCE", "100", "2021-01-08T00:00:00Z", "2021-01-08"];
const HOSTILE = ["", "-1", "1e3", "0x10", "null", "__proto__", "\u0000", "%00", "\ud800"];

const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 600 }),
  fc.constantFrom(...PLAUSIBLE, ...HOSTILE),
);
const segments = fc.oneof(
  fc.constantFrom("trades", "symbols", "summary", "metrics", "health", "openapi.json", "BTCUSDT"),
  fc.constantFrom(
    "2021-01-08",
    "2021-02-30",
    "%",
    "%2F",
    "%ff",
    "..",
    ".",
    "__proto__",
    "{symbol}",
  ),
  texts.map((text) => encodeURIComponent(text.toWellFormed())).filter((text) => text !== ""),
);
const paths = fc.array(segments, { maxLength: 5 }).map((parts) => `/${parts.join("/")}`);
const methods = fc.oneof(
  { weight: 4, arbitrary: fc.constant("GET") },
  fc.constantFrom("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"),
);
const names = fc.oneof(
  fc.constantFrom("symbol", "exchange", "start_time", "end_time", "limit", "cursor"),
  texts,
);
const headerNames = fc.oneof(
  fc.constantFrom("accept", "authorization", "x-correlation-id", "content-type", "origin"),
  fc.constantFrom("x-prometheus-scrape-timeout-seconds", "X-Correlation-ID", "content-encoding"),
  texts,
);
const headerValues = fc.oneof(
  texts,
  fc.constantFrom(
    `Bearer ${TOKEN}`,
    "application/json",
    "application/openmetrics-text",
    "NaN",
    "0",
  ),
);

it(
  "no request is answered with a 500, or with what openapi.json does not say",
  async () => {
    const requests = fc.record({
      method: methods,
      path: paths,
      query: fc.dictionary(
        names,
        fc.oneof(texts, fc.array(texts, { minLength: 2, maxLength: 3 })),
        {
          maxKeys: 5,
        },
      ),
      headers: fc.dictionary(headerNames, headerValues, { maxKeys: 5 }),
      body: fc.oneof(texts, fc.json(), fc.constant("")),
    });
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const { statusCode } = await api.request(request);
        expect(statusCode).toBeLessThan(500);
      }),
      { numRuns: 500 },
    );
  },
  TIMEOUT_MS,
);

/** Values of each parameter that are good together, and values that are bad whatever the others are. */
const PARAMETERS: Readonly<Record<string, { good: () => string[]; bad: string[] }>> = {
  symbol: {
    good: () => ["BTCUSDT", "EUR/USD", "0"],
    bad: ["", "btc", "A B", "A".repeat(33), "_A"],
  },
  exchange: { good: () => ["BINANCE", "XOFF"], bad: ["", "binance", "É", "-X"] },
  start_time: {
    good: () => ["2021-01-08T00:00:00Z", "2021-01-08T01:00:00.000001+01:00"],
    bad: ["", "2021-01-08", "2021-01-08T00:00:00", "2021-02-30T00:00:00Z", "1610064000"],
  },
  end_time: {
    good: () => ["2021-01-09T00:00:00Z", "2030-12-31T23:59:59.999999Z"],
    bad: ["", "2021-01-09 00:00:00Z", "2021-01-09T24:00:00Z", "2021-01-09T00:00:00.1234567Z"],
  },
  limit: {
    good: () => ["1", "999", "1000"],
    bad: ["", "0", "1001", "-1", "1.0", "1e2", " 5", "٣"],
  },
  cursor: { good: () => [cursor], bad: ["", "!", "bm90IGEgY3Vyc29y", "W10"] },
};
const UNKNOWN = ["Symbol", "limit ", "colour", "a/b~c", "__proto__", "constructor"];
const pointerTo = (name: string) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;

const pick = (values: readonly string[]) => fc.constantFrom(...values);
const states = fc.record(
  Object.fromEntries(
    Object.entries(PARAMETERS).map(([name, { bad }]) => [
      name,
      fc.oneof(
        fc.constant({ state: "absent" } as const),
        fc.nat(3).map((index) => ({ state: "good", index }) as const),
        pick(bad).map((value) => ({ state: "bad", value }) as const),
        pick(bad).map((value) => ({ state: "repeated", value }) as const),
      ),
    ]),
  ),
);

it(
  "a 400 of GET /trades names every bad parameter and no other, with what was expected",
  async () => {
    await fc.assert(
      fc.asyncProperty(states, fc.subarray(UNKNOWN), async (chosen, unknown) => {
        const query: [string, string | string[]][] = unknown.map((name) => [name, "x"]);
        const bad = new Set(unknown.map(pointerTo));
        for (const [name, one] of Object.entries(chosen)) {
          if (one.state === "absent") continue;
          const { good = () => [] } = PARAMETERS[name] ?? {};
          const value =
            one.state === "good" ? (good().at(one.index % good().length) ?? "") : one.value;
          query.push([name, one.state === "repeated" ? [value, value] : value]);
          if (one.state !== "good") bad.add(pointerTo(name));
        }
        const filters = ["symbol", "exchange", "start_time", "end_time"] as const;
        const isFiltered = filters.some((name) => chosen[name]?.state !== "absent");
        const areFiltersGood = filters.every((name) => !bad.has(pointerTo(name)));
        // The cursor is one of all symbols and times; with filters that are not good nobody can tell.
        if (chosen["cursor"]?.state === "good" && isFiltered && areFiltersGood) bad.add("/cursor");
        const result = await api.request({ path: "/trades", query: Object.fromEntries(query) });
        if (bad.size === 0) expect(result.statusCode).toBe(200);
        else expectFaults(result, bad);
      }),
      { numRuns: 500 },
    );
  },
  TIMEOUT_MS,
);

it(
  "a 400 of GET /summary names every bad parameter and no other",
  async () => {
    const bad = ["btc", "A B", "%", "A".repeat(33)].map((value) => ({ value, isBad: true }));
    const badDays = ["2021-02-30", "20210108", "x", "2021-1-8"].map((value) => ({
      value,
      isBad: true,
    }));
    const symbols = fc.constantFrom({ value: "BTCUSDT", isBad: false }, ...bad);
    const dates = fc.constantFrom({ value: "2021-01-08", isBad: false }, ...badDays);
    await fc.assert(
      fc.asyncProperty(symbols, dates, async (symbol, date) => {
        const path = `/summary/${encodeURIComponent(symbol.value)}/${date.value}`;
        const result = await api.request({ path });
        const faults = [...(symbol.isBad ? ["/symbol"] : []), ...(date.isBad ? ["/date"] : [])];
        if (faults.length === 0) expect(result.statusCode).toBe(200);
        else expectFaults(result, new Set(faults));
      }),
    );
  },
  TIMEOUT_MS,
);

function expectFaults(result: APIGatewayProxyResult, pointers: ReadonlySet<string>): void {
  expect(result.statusCode).toBe(400);
  const { errors } = JSON.parse(result.body) as { errors: { pointer: string; detail: string }[] };
  expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual([...pointers].sort());
  for (const { detail } of errors)
    expect(detail).toMatch(/^expected \S|^unknown; known are \S|^belongs to/);
}
