/**
 * A symbol's UTC day, folded over all its trades in exact decimals: what `/summary` shows, and the
 * entry in the index of the symbol's days.
 */

import { Big } from "big.js";
import { dayKey, timeOf, tradeSortKey } from "./keys.ts";
import { type Item, number, text } from "./trade-item.ts";
import type { Day } from "./timestamp.ts";
import type { Trade } from "./trade.ts";

/** Of more exchanges none is listed, so that the item stays small. */
const MAX_EXCHANGES = 100;

/** A price and the sort key of its trade, which decides what is first and last. */
interface PriceAt {
  readonly price: string;
  readonly sk: string;
}

export interface DayTotals {
  /** Partitions of the day's trades; fixed by its first commit. */
  readonly shards: number;
  /** Exchanges that have trades on the day; undefined: too many to list. */
  readonly exchanges: readonly string[] | undefined;
  readonly open: PriceAt;
  readonly close: PriceAt;
  readonly high: string;
  readonly low: string;
  /** Σ quantity, exact. */
  readonly volume: string;
  /** Σ price × quantity, exact. */
  readonly notional: string;
  readonly count: number;
  /** Epoch seconds after which all its trades may be gone; undefined: never. */
  readonly expiry: number | undefined;
}

/** Folds trades of one day into its totals; the order they come in makes no difference. */
export function foldDay(
  before: DayTotals | undefined,
  trades: readonly Trade[],
  options: { readonly shards: number; readonly expiry: number | undefined },
): DayTotals {
  let totals = before;
  let [volume, notional] = [new Big(before?.volume ?? 0), new Big(before?.notional ?? 0)];
  for (const trade of trades) {
    const quantity = new Big(trade.quantity);
    volume = volume.plus(quantity);
    notional = notional.plus(quantity.times(trade.price));
    totals = totals === undefined ? startOf(trade, options) : withTrade(totals, trade);
  }
  if (totals === undefined) throw new RangeError("a day's totals need a trade");
  const expiry = before === undefined ? options.expiry : later(before.expiry, options.expiry);
  return {
    ...totals,
    exchanges: withExchanges(before, trades),
    volume: volume.toFixed(),
    notional: notional.toFixed(),
    count: (before?.count ?? 0) + trades.length,
    expiry,
  };
}

export function toDayItem(
  totals: DayTotals,
  options: { readonly symbol: string; readonly day: Day; readonly version: number },
): Item {
  const { pk, sk } = dayKey(options.symbol, options.day);
  return {
    pk: { S: pk },
    sk: { S: sk },
    v: { N: String(options.version) },
    sh: { N: String(totals.shards) },
    ...(totals.exchanges === undefined ? {} : { x: { SS: [...totals.exchanges] } }),
    o: { N: totals.open.price },
    ok: { S: totals.open.sk },
    c: { N: totals.close.price },
    ck: { S: totals.close.sk },
    h: { N: totals.high },
    l: { N: totals.low },
    q: { S: totals.volume },
    pq: { S: totals.notional },
    n: { N: String(totals.count) },
    ...(totals.expiry === undefined ? {} : { e: { N: String(totals.expiry) } }),
  };
}

export function fromDayItem(item: Item): DayTotals {
  return {
    shards: Number(number(item["sh"])),
    exchanges: item["x"]?.SS,
    open: { price: number(item["o"]), sk: text(item["ok"]) },
    close: { price: number(item["c"]), sk: text(item["ck"]) },
    high: number(item["h"]),
    low: number(item["l"]),
    volume: text(item["q"]),
    notional: text(item["pq"]),
    count: Number(number(item["n"])),
    expiry: item["e"]?.N === undefined ? undefined : Number(item["e"].N),
  };
}

/** The later of two expiries, where undefined is never. */
export function later(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b);
}

function startOf(trade: Trade, options: { readonly shards: number }): DayTotals {
  const at = priceAt(trade);
  const { price } = trade;
  return {
    shards: options.shards,
    exchanges: [],
    open: at,
    close: at,
    high: price,
    low: price,
    volume: "0",
    notional: "0",
    count: 0,
    expiry: undefined,
  };
}

function withTrade(totals: DayTotals, trade: Trade): DayTotals {
  const at = priceAt(trade);
  const price = new Big(trade.price);
  return {
    ...totals,
    open: at.sk < totals.open.sk ? at : totals.open,
    close: at.sk > totals.close.sk ? at : totals.close,
    high: price.gt(totals.high) ? trade.price : totals.high,
    low: price.lt(totals.low) ? trade.price : totals.low,
  };
}

function withExchanges(before: DayTotals | undefined, trades: readonly Trade[]) {
  if (before !== undefined && before.exchanges === undefined) return undefined;
  const all = new Set([...(before?.exchanges ?? []), ...trades.map((trade) => trade.exchange)]);
  return all.size > MAX_EXCHANGES ? undefined : [...all];
}

function priceAt(trade: Trade): PriceAt {
  return { price: trade.price, sk: tradeSortKey({ ...trade, time: timeOf(trade) }) };
}
