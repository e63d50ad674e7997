/**
 * A symbol as `/symbols` shows it. Its item is also the last one that a commit writes, so its
 * version says up to where the symbol's log has been applied.
 */

import { symbolKey, timeOf } from "./keys.ts";
import { type Item, number, text } from "./trade-item.ts";
import { formatTimestamp, type Micros16 } from "./timestamp.ts";
import type { Trade } from "./trade.ts";

/** Of more exchanges only the first come are listed, so that the item stays small. */
const MAX_EXCHANGES = 100;

export interface SymbolTotals {
  readonly exchanges: readonly string[];
  readonly first: Micros16;
  readonly last: Micros16;
  readonly count: number;
}

/** A symbol as served by `GET /symbols`; times in ISO 8601 with six digits. */
export interface SymbolInfo {
  readonly symbol: string;
  /** In alphabetical order, at most 100. */
  readonly exchanges: readonly string[];
  readonly first_trade_time: string;
  readonly last_trade_time: string;
  readonly trade_count: number;
}

/** Folds a symbol's new trades, at least one, into its totals. */
export function foldSymbol(
  before: SymbolTotals | undefined,
  trades: readonly Trade[],
): SymbolTotals {
  const times = trades.map(timeOf);
  if (before !== undefined) times.push(before.first, before.last);
  const exchanges = new Set([...(before?.exchanges ?? []), ...trades.map((t) => t.exchange)]);
  return {
    exchanges: [...exchanges].slice(0, MAX_EXCHANGES),
    first: times.reduce((a, b) => (a < b ? a : b)),
    last: times.reduce((a, b) => (a > b ? a : b)),
    count: (before?.count ?? 0) + trades.length,
  };
}

export function toSymbolItem(
  totals: SymbolTotals,
  options: { readonly symbol: string; readonly version: number },
): Item {
  const { pk, sk } = symbolKey(options.symbol);
  return {
    pk: { S: pk },
    sk: { S: sk },
    v: { N: String(options.version) },
    x: { SS: [...totals.exchanges] },
    f: { N: totals.first },
    l: { N: totals.last },
    n: { N: String(totals.count) },
  };
}

export function fromSymbolItem(item: Item): SymbolTotals {
  return {
    exchanges: item["x"]?.SS ?? [],
    first: number(item["f"]),
    last: number(item["l"]),
    count: Number(number(item["n"])),
  };
}

/** Reads a symbol's item as `GET /symbols` shows it. */
export function toSymbolInfo(item: Item): SymbolInfo {
  const { exchanges, first, last, count } = fromSymbolItem(item);
  return {
    symbol: text(item["sk"]),
    exchanges: [...exchanges].sort(),
    first_trade_time: formatTimestamp(first),
    last_trade_time: formatTimestamp(last),
    trade_count: count,
  };
}
