import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { openTestStore } from "../support/stored-trades.ts";
import { tradeOf } from "../support/trades.ts";

let database: TestDynamoDB;
beforeAll(async () => {
  database = await startTestDynamoDB();
});
afterAll(() => database.close());

let symbols = 0;

it.each([
  {
    fact: "one trade",
    rows: [["5", "2", "00:00:00"]],
    expected: { open: "5.00000000", close: "5.00000000", volume: "2.00000000", vwap: "5.00000000" },
  },
  {
    fact: "trades that come in any order",
    rows: [
      ["3", "1", "12:00:00"],
      ["1", "1", "00:00:00"],
      ["2", "2", "23:59:59.999999"],
    ],
    expected: { open: "1.00000000", close: "2.00000000", volume: "4.00000000", vwap: "2.00000000" },
  },
  {
    fact: "an average that lies half-way, rounded to even",
    rows: [
      ["0.00000001", "1", "00:00:00"],
      ["0.00000002", "1", "00:00:01"],
    ],
    expected: { high: "0.00000002", low: "0.00000001", vwap: "0.00000002" },
  },
  {
    fact: "the smallest beside the largest, which no float could add",
    rows: [
      ["9999999999.99999999", "9999999999.99999999", "00:00:00"],
      ["0.00000001", "0.00000001", "00:00:01"],
    ],
    expected: {
      high: "9999999999.99999999",
      low: "0.00000001",
      volume: "10000000000.00000000",
      vwap: "9999999999.99999998",
    },
  },
])("adds up $fact exactly", async ({ rows, expected }) => {
  const symbol = `SUMMED${(symbols += 1)}`;
  const store = openTestStore(database);
  const trades = rows.map(([price, quantity, time], at) =>
    tradeOf({ symbol, trade_id: String(at), price, quantity, timestamp: `2024-02-29T${time}Z` }),
  );
  // In one commit or in several: the same.
  for (const trade of trades) await store.recordTrades([trade]);
  const { summary } = await store.summarizeDay(symbol, "2024-02-29");
  expect(summary).toMatchObject({
    ...expected,
    symbol,
    date: "2024-02-29",
    trade_count: rows.length,
  });
});

it("knows no day before its first trade, beside it, or of another symbol", async () => {
  const store = openTestStore(database);
  await store.recordTrades([tradeOf({ symbol: "ALONE", timestamp: "2024-02-29T12:00:00Z" })]);
  for (const [symbol, date] of [
    ["ALONE", "2024-02-28"],
    ["ALONE", "2024-03-01"],
    ["ALON", "2024-02-29"],
    ["ALONE", "no day"],
  ] as const)
    expect((await store.summarizeDay(symbol, date)).summary).toBeUndefined();
});
