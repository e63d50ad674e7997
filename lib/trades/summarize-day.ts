/**
 * A symbol's day as `/summary` shows it: one small read, whatever number of trades it had.
 */

import { averagePrice, canonicalDecimal } from "./decimal.ts";
import { type DayTotals, fromDayItem } from "./day-totals.ts";
import { dayKey } from "./keys.ts";
import type { Table } from "./table.ts";
import { type Day, formatDay } from "./timestamp.ts";

/** A symbol's UTC day as served by `GET /summary/{symbol}/{date}`; decimals with scale 8. */
export interface DaySummary {
  readonly symbol: string;
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  /** Σ price × quantity / Σ quantity, rounded half-even. */
  readonly vwap: string;
  readonly trade_count: number;
}

/** Reads the summary; undefined when the symbol had no trade on that day. */
export async function summarizeDay(
  table: Table,
  symbol: string,
  day: Day,
): Promise<DaySummary | undefined> {
  const item = await table.get(dayKey(symbol, day));
  return item === undefined ? undefined : toSummary(fromDayItem(item), { symbol, day });
}

function toSummary(
  totals: DayTotals,
  { symbol, day }: { readonly symbol: string; readonly day: Day },
): DaySummary {
  return {
    symbol,
    date: formatDay(day),
    open: canonicalDecimal(totals.open.price),
    high: canonicalDecimal(totals.high),
    low: canonicalDecimal(totals.low),
    close: canonicalDecimal(totals.close.price),
    volume: canonicalDecimal(totals.volume),
    vwap: averagePrice(totals),
    trade_count: totals.count,
  };
}
