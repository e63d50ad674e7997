/**
 * Which trades of a batch are new, which are there already, and which contradict what is there. The
 * first trade of an identity wins, in the table and within the batch.
 */

import {
  dayOfTrade,
  identityOf,
  type Key,
  shardOf,
  timeOf,
  tradePartition,
  tradeSortKey,
} from "./keys.ts";
import { type SymbolState, timeOfIdentity } from "./symbol-state.ts";
import type { Table } from "./table.ts";
import { formatTimestamp } from "./timestamp.ts";
import { TERM_ATTRIBUTES, type Terms, termsOf } from "./trade-item.ts";
import type { Trade } from "./trade.ts";

/** A trade refused because another with the same identity but other terms was recorded before it. */
export interface Conflict {
  readonly trade: Trade;
  /** Terms that differ; of a stored trade with another `timestamp`, that alone is told. */
  readonly fields: readonly string[];
}

/** Together as many as the batch had. */
export interface SplitBatch {
  readonly fresh: readonly Trade[];
  readonly duplicates: number;
  readonly conflicts: readonly Conflict[];
}

const TERMS = ["timestamp", "asset_class", "price", "quantity", "currency", "side"] as const;

/**
 * Splits a batch of one symbol.
 * @param state has been read for these trades.
 */
export async function splitBatch(
  table: Table,
  state: SymbolState,
  trades: readonly Trade[],
): Promise<SplitBatch> {
  const fresh = new Map<string, Trade>();
  const repeated: Trade[] = [];
  for (const trade of trades) {
    const identity = identityOf(trade);
    if (fresh.has(identity) || timeOfIdentity(state, trade) !== undefined) repeated.push(trade);
    else fresh.set(identity, trade);
  }
  const stored = await readStored(table, state, repeated);
  const conflicts = repeated
    .map((trade) => {
      const identity = identityOf(trade);
      const first = fresh.get(identity) ?? stored.get(identity) ?? storedTime(state, trade);
      return { trade, fields: differences(first, trade) };
    })
    .filter(({ fields }) => fields.length > 0);
  return {
    fresh: [...fresh.values()],
    duplicates: repeated.length - conflicts.length,
    conflicts,
  };
}

/** Terms of the stored trades that are where these would be; those with another time are not read. */
async function readStored(
  table: Table,
  state: SymbolState,
  trades: readonly Trade[],
): Promise<Map<string, Terms>> {
  const keys = new Map<string, Key>();
  for (const trade of trades) {
    const time = timeOf(trade);
    if (timeOfIdentity(state, trade) !== time) continue;
    const day = dayOfTrade(trade);
    const shard = shardOf(trade, state.days.get(day)?.shards ?? 1);
    const sk = tradeSortKey({ ...trade, time });
    keys.set(sk, { pk: tradePartition(state.symbol, day, shard), sk });
  }
  const items = keys.size === 0 ? [] : await table.batchGet([...keys.values()], TERM_ATTRIBUTES);
  return new Map(items.map(termsOf).map((terms) => [identityOf(terms), terms]));
}

/** All that is known of a stored trade that was not read, or has expired. */
function storedTime(state: SymbolState, trade: Trade): Partial<Terms> {
  const time = timeOfIdentity(state, trade);
  return time === undefined ? {} : { timestamp: formatTimestamp(time) };
}

function differences(first: Partial<Terms>, trade: Trade): string[] {
  return TERMS.filter((term) => first[term] !== undefined && first[term] !== trade[term]);
}
