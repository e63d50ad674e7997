import { DeleteItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { openTestStore, scan, walk } from "../support/stored-trades.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

let database: TestDynamoDB;
beforeAll(async () => {
  database = await startTestDynamoDB();
});
afterAll(() => database.close());

let symbols = 0;
const freshSymbol = () => `SPLIT${(symbols += 1)}`;
const FIRST = {
  trade_id: "7",
  price: "1.5",
  quantity: "2",
  timestamp: "2021-01-08T00:00:00.000001Z",
};

describe("a trade whose identity is known", () => {
  it.each([
    ["with the same terms", {}, []],
    ["by another message", { message_id: "again" }, []],
    ["taken in at another time", { ingestion_timestamp: "2026-01-01T00:00:00Z" }, []],
    [
      "with other conditions and vendor data",
      { trade_conditions: ["A"], vendor_data: { a: "b" } },
      [],
    ],
    ["with its price written differently", { price: "1.50" }, []],
    ["at another price", { price: "1.50000001" }, ["price"]],
    ["of another quantity", { quantity: "3" }, ["quantity"]],
    ["on the other side", { side: "SELL" }, ["side"]],
    ["in another currency", { currency: "EUR" }, ["currency"]],
    ["of another class", { asset_class: "FUTURE" }, ["asset_class"]],
    ["at another price and quantity", { price: "9", quantity: "9" }, ["price", "quantity"]],
    ["a microsecond later", { timestamp: "2021-01-08T00:00:00.000002Z" }, ["timestamp"]],
    // Of one that stands elsewhere no more is read.
    ["a year later and dearer", { timestamp: "2022-01-08T00:00:00Z", price: "9" }, ["timestamp"]],
  ])("%s differs in this: %j", async (_fact, changes, fields) => {
    const symbol = freshSymbol();
    const store = openTestStore({ ...database, shards: new Map([[symbol, 3]]) });
    const first = tradeOf({ ...FIRST, symbol });
    const second = tradeOf({ ...FIRST, symbol, ...changes });
    await store.recordTrades([first]);
    const expected =
      fields.length === 0
        ? { recorded: 0, duplicates: 1, conflicts: [] }
        : { recorded: 0, duplicates: 0, conflicts: [{ trade: second, fields }] };
    expect(await store.recordTrades([second])).toMatchObject(expected);
    expect((await walk(store, { symbol })).map(({ price }) => price)).toEqual(["1.50000000"]);

    // The same in one batch: there all of both is known.
    const other = freshSymbol();
    const both = [first, second].map((trade) => ({ ...trade, symbol: other }));
    const result = await store.recordTrades(both);
    expect(result).toMatchObject({ recorded: 1, duplicates: expected.duplicates });
    expect(result.conflicts.map((conflict) => conflict.fields)).toEqual(
      fields.length === 0 ? [] : [expect.arrayContaining(fields)],
    );
  });

  it("and that has expired is a duplicate whatever its price, unless its time differs", async () => {
    const symbol = freshSymbol();
    const store = openTestStore(database);
    const first = tradeOf({ ...FIRST, symbol });
    await store.recordTrades([first]);
    for (const { pk, sk } of await scan(database, `T#${symbol}#`))
      await database.client.send(
        new DeleteItemCommand({ TableName: database.table, Key: { pk: pk!, sk: sk! } }),
      );
    expect(await store.recordTrades([{ ...first, price: "9.00000000" }])).toMatchObject({
      duplicates: 1,
      conflicts: [],
    });
    const later = { ...first, timestamp: "2021-01-08T00:00:01.000000Z" };
    expect(await store.recordTrades([later])).toMatchObject({
      duplicates: 0,
      conflicts: [{ fields: ["timestamp"] }],
    });
  });
});

describe("identities", () => {
  it("are of an exchange and a symbol: the same number elsewhere is another trade", async () => {
    const [one, two] = [freshSymbol(), freshSymbol()];
    const store = openTestStore(database);
    const trades = [
      tradeOf({ ...FIRST, symbol: one }),
      tradeOf({ ...FIRST, symbol: one, exchange: "COINBASE" }),
      tradeOf({ ...FIRST, symbol: two }),
    ];
    expect(await store.recordTrades(trades)).toMatchObject({ recorded: 3 });
    expect(await store.recordTrades(trades)).toMatchObject({ recorded: 0, duplicates: 3 });
    expect(await walk(store, { symbol: one })).toHaveLength(2);
  });

  it("of every form are told apart, and found again", async () => {
    const symbol = freshSymbol();
    const ids = ["0", "00", "7", "07", "~7", "255", "256", "999999999999999", "1000000000000000"];
    const longer = ["99999999999999999999", "100000000000000000000", "a", "A", "a/b", "!", "~"];
    const trades = [...ids, ...longer].map((trade_id) => tradeOf({ ...FIRST, symbol, trade_id }));
    const store = openTestStore(database);
    expect(await store.recordTrades(trades)).toMatchObject({ recorded: trades.length });
    expect(await store.recordTrades(trades.toReversed())).toMatchObject({
      recorded: 0,
      duplicates: trades.length,
    });
    const listed = await walk(store, { symbol, limit: "3" });
    // Those that count first, in their order; the others behind them.
    expect(
      listed
        .map(({ trade_id }) => trade_id)
        .reverse()
        .slice(0, 8),
    ).toEqual([
      "0",
      "7",
      "255",
      "256",
      "999999999999999",
      "1000000000000000",
      "99999999999999999999",
      "!",
    ]);
    expect(new Set(listed.map(({ trade_id }) => trade_id)).size).toBe(trades.length);
  });
});

it("keeps the first of two that contradict each other in one batch, in the batch's order", async () => {
  const symbol = freshSymbol();
  const store = openTestStore(database);
  const run = tradeRun({ symbol, count: 3 });
  const contradiction = { ...run[1]!, quantity: "77.00000000" };
  const { recorded, conflicts } = await store.recordTrades([contradiction, ...run]);
  expect({ recorded, conflicts }).toEqual({
    recorded: 3,
    conflicts: [{ trade: run[1], fields: ["quantity"] }],
  });
  const listed = await walk(store, { symbol });
  expect(listed.find(({ trade_id }) => trade_id === run[1]?.trade_id)?.quantity).toBe(
    "77.00000000",
  );
});
