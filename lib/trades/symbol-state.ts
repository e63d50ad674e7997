/**
 * What a writer knows of a symbol: where its log stands, and those id blocks and days it needed so
 * far. It holds as long as nobody else commits, which the next commit's condition finds out.
 */

import { decodeIdBlock } from "./id-block.ts";
import { type DayTotals, fromDayItem } from "./day-totals.ts";
import {
  dayKey,
  dayOfTrade,
  daysPartition,
  idBlockKey,
  type Identity,
  type Key,
  placeInBlock,
} from "./keys.ts";
import type { IdBlocks } from "./open-blocks.ts";
import type { LogPosition } from "./symbol-log.ts";
import type { Table } from "./table.ts";
import type { Day, Micros16 } from "./timestamp.ts";
import { text } from "./trade-item.ts";
import type { Trade } from "./trade.ts";

export interface SymbolState {
  readonly symbol: string;
  readonly position: LogPosition;
  /** Those that were open or read; one that was read and is empty is there too. */
  readonly blocks: IdBlocks;
  /** Days that were read; undefined: no trades yet. */
  readonly days: ReadonlyMap<Day, DayTotals | undefined>;
}

/** When the trade with this identity was; undefined when there is none. Its block has been read. */
export function timeOfIdentity(state: SymbolState, identity: Identity): Micros16 | undefined {
  return state.blocks.get(idBlockKey(identity).pk)?.get(placeInBlock(identity.trade_id));
}

/** Reads what is still missing to record these trades: nothing, where there has been no commit. */
export async function readFor(
  table: Table,
  state: SymbolState,
  trades: readonly Trade[],
): Promise<SymbolState> {
  const blocks = new Map(state.blocks);
  const days = new Map(state.days);
  const missing: Key[] = [];
  for (const trade of trades) {
    const key = idBlockKey(trade);
    const day = dayOfTrade(trade);
    if (!blocks.has(key.pk)) missing.push(key);
    if (!days.has(day)) missing.push(dayKey(state.symbol, day));
    blocks.set(key.pk, blocks.get(key.pk) ?? new Map());
    days.set(day, days.get(day));
  }
  const isNew = state.position.version === 0;
  for (const item of isNew ? [] : await table.batchGet(missing)) {
    const pk = text(item["pk"]);
    if (pk === daysPartition(state.symbol)) days.set(text(item["sk"]), fromDayItem(item));
    else blocks.set(pk, decodeIdBlock(item["b"]?.B ?? new Uint8Array()));
  }
  return { ...state, blocks, days };
}
