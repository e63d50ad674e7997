/**
 * The trade store as tests open it, and everything a caller can learn of it.
 */

import { type AttributeValue, type DynamoDBClient, paginateScan } from "@aws-sdk/client-dynamodb";
import Big from "big.js";
import { expect } from "vitest";
import {
  openTradeStore,
  type TradeStore,
  type TradeStoreOptions,
} from "../../lib/trades/trade-store.ts";
import { parseTradesQuery } from "../../lib/trades/trades-query.ts";
import type { RecordedTrade, Trade } from "../../lib/trades/trade.ts";

export type StoredItem = Readonly<Record<string, AttributeValue>>;

const MAX_PAGES = 5_000;

/** Opens a store that never waits and keeps everything for ever, unless told otherwise. */
export function openTestStore(
  options: Partial<TradeStoreOptions> & Pick<TradeStoreOptions, "client" | "table">,
): TradeStore {
  return openTradeStore({
    ttlDays: 0,
    shards: new Map(),
    recentShards: 2,
    pause: () => Promise.resolve(),
    ...options,
  });
}

/** Walks a range to its end, by the parameters of `GET /trades`. */
export async function walk(
  store: Pick<TradeStore, "listTrades">,
  parameters: Readonly<Record<string, string>>,
): Promise<RecordedTrade[]> {
  const trades: RecordedTrade[] = [];
  for await (const page of pages(store, parameters)) trades.push(...page);
  return trades;
}

/** The pages of a walk, each asked for when the one before it has been dealt with. */
export async function* pages(
  store: Pick<TradeStore, "listTrades">,
  parameters: Readonly<Record<string, string>>,
): AsyncGenerator<readonly RecordedTrade[]> {
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = parseTradesQuery(cursor === undefined ? parameters : { ...parameters, cursor });
    const { trades, nextCursor } = await store.listTrades(query);
    yield trades;
    cursor = nextCursor;
    if (cursor === undefined) return;
  }
  throw new Error("the walk never ended");
}

/** Every item of the table whose partition key begins so. */
export async function scan(
  database: { readonly client: DynamoDBClient; readonly table: string },
  prefix = "",
): Promise<StoredItem[]> {
  const { client, table } = database;
  const items: StoredItem[] = [];
  for await (const page of paginateScan({ client }, { TableName: table }))
    items.push(...(page.Items ?? []).filter((item) => item["pk"]?.S?.startsWith(prefix)));
  return items;
}

/** Newest first, ties as the exchanges numbered them; ids are numbers. */
export function newestFirst<T extends Trade>(trades: Iterable<T>): T[] {
  const compare = (a: string, b: string) => (a < b ? 1 : a > b ? -1 : 0);
  return [...trades].sort(
    (a, b) =>
      compare(a.timestamp, b.timestamp) ||
      compare(a.exchange, b.exchange) ||
      compare(a.symbol, b.symbol) ||
      Number(b.trade_id) - Number(a.trade_id),
  );
}

/** Open, high, low, close, volume and count, as the trades themselves have them. */
export function summaryOf(trades: readonly Trade[]) {
  const byTime = newestFirst(trades).reverse();
  const prices = trades.map(({ price }) => Big(price)).sort((a, b) => a.cmp(b));
  const volume = trades.reduce((all, { quantity }) => all.plus(quantity), Big(0));
  return {
    open: byTime[0]?.price,
    high: prices.at(-1)?.toFixed(8),
    low: prices[0]?.toFixed(8),
    close: byTime.at(-1)?.price,
    volume: volume.toFixed(8),
    trade_count: trades.length,
  };
}

/** Expects that the store knows exactly these trades of a symbol, in its lists, totals and counts. */
export async function expectStored(
  store: TradeStore,
  symbol: string,
  trades: readonly Trade[],
): Promise<void> {
  const listed = await walk(store, { symbol, limit: "1000" });
  const sequences: number[] = [];
  const asSent = listed.map(({ platform_sequence, ...trade }) => {
    sequences.push(Number(platform_sequence));
    return trade;
  });
  expect(asSent).toEqual(newestFirst(trades));
  expect(sequences.sort((a, b) => a - b)).toEqual(trades.map((_, index) => index + 1));
  for (const [day, ofDay] of Map.groupBy(trades, ({ timestamp }) => timestamp.slice(0, 10))) {
    const { summary } = await store.summarizeDay(symbol, day);
    expect(summary).toMatchObject(summaryOf(ofDay));
  }
  const { symbols } = await store.listSymbols();
  const times = trades.map(({ timestamp }) => timestamp).sort();
  expect(symbols.find((info) => info.symbol === symbol)).toMatchObject({
    trade_count: trades.length,
    first_trade_time: times[0],
    last_trade_time: times.at(-1),
  });
}
