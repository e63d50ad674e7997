/** Bodies of `POST /trades` of every kind: bytes, JSON, and trades with one thing or another amiss. */

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startApi, type TestApi } from "../support/api.ts";

const RUNS = 2_000;
/** A body that hangs is found by this alone. */
const TIMEOUT_MS = 300_000;

/** What is said of a body; 503 of a good one, since there is no broker here. */
const STATUSES: readonly number[] = [400, 413, 415, 503];

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const TRADE = {
  trade_id: "1",
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  asset_class: "CRYPTO",
  timestamp: "2021-01-08T00:00:00Z",
  price: "1",
  quantity: "1",
  currency: "USDT",
};
const HOSTILE = ["", "__proto__", "\u0000", "\ud800", "1e999999999", "9".repeat(5_000), "NaN"];

const values = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(...HOSTILE, 1e308, -0, {}, []));
const trades = fc
  .tuple(
    fc.dictionary(
      fc.constantFrom(...Object.keys(TRADE), "side", "vendor_data", "__proto__"),
      values,
      {
        maxKeys: 3,
      },
    ),
    fc.subarray(Object.keys(TRADE), { minLength: 5 }),
  )
  .map(([amiss, kept]) => ({
    ...Object.fromEntries(Object.entries(TRADE).filter(([name]) => kept.includes(name))),
    ...amiss,
  }));
/** So deep that a recursive reader would run out of stack. */
const deep = fc
  .tuple(fc.constantFrom("[", '{"a":', '{"vendor_data":'), fc.integer({ min: 1, max: 50_000 }))
  .map(([open, depth]) => open.repeat(depth));
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  fc.string({ unit: "binary", maxLength: 500 }),
  fc.json(),
  deep,
  trades.map((trade) => JSON.stringify(trade)),
  fc.array(fc.oneof(trades, values), { maxLength: 5 }).map((list) => JSON.stringify(list)),
  fc
    .integer({ min: 400, max: 600 })
    .map((n) => JSON.stringify(Array.from({ length: n }, () => TRADE))),
);
const types = fc.constantFrom(
  "application/json",
  "application/json; charset=utf-8",
  "text/csv",
  "",
);

it(
  "whatever is posted is refused as what it is, and never a 500",
  async () => {
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(bodies, types, async (body, type) => {
        const headers = { "content-type": type };
        const answer = await api.request({ method: "POST", path: "/trades", headers, body });
        seen.add(answer.statusCode);
        expect(STATUSES).toContain(answer.statusCode);
        expect(answer.body.length).toBeLessThan(10_000);
      }),
      { numRuns: RUNS },
    );
    expect([...seen]).toEqual(expect.arrayContaining([400, 415, 503]));
  },
  TIMEOUT_MS,
);
