/**
 * What a writer knows of a symbol: where its log stands, and those id blocks and days it needed so
 * far. It holds as long as nobody else commits, which the next commit's condition finds out.
 */

import { decodeIdBlock, type IdBlock } from "./id-block.ts";
import { type DayTotals, fromDayItem } from "./day-totals.ts";
import { dayKey, dayOfTrade, idBlockKey, type Identity, type Key, placeInBlock } from "./keys.ts";
import type { LogPosition } from "./symbol-log.ts";
import type { Table } from "./table.ts";
import type { Day, Micros16 } from "./timestamp.ts";
import { type Item, text } from "./trade-item.ts";
import type { Trade } from "./trade.ts";

export interface SymbolState {
  readonly symbol: string;
  readonly position: LogPosition;
  /** By `blockName`; a block that was read and is empty is there too. */
  readonly blocks: ReadonlyMap<string, IdBlock>;
  /** Days that were read; undefined: no trades yet. */
  readonly days: ReadonlyMap<Day, DayTotals | undefined>;
}

/** Name of a block among the blocks of all exchanges. */
export function blockName({ pk, sk }: Key): string {
  return `${pk}#${sk}`;
}

/** When the trade with this identity was; undefined when there is none. Its block has been read. */
export function timeOfIdentity(state: SymbolState, identity: Identity): Micros16 | undefined {
  const block = state.blocks.get(blockName(idBlockKey(identity)));
  return block?.get(placeInBlock(identity.trade_id));
}

/** Reads what is still missing to record these trades. */
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
    if (!blocks.has(blockName(key))) missing.push(key);
    if (!days.has(day)) missing.push(dayKey(state.symbol, day));
    blocks.set(blockName(key), blocks.get(blockName(key)) ?? new Map());
    days.set(day, days.get(day));
  }
  const daysPk = dayKey(state.symbol, "").pk;
  for (const item of missing.length === 0 ? [] : await table.batchGet(missing)) {
    const key = keyOf(item);
    if (key.pk === daysPk) days.set(key.sk, fromDayItem(item));
    else blocks.set(blockName(key), decodeIdBlock(item["b"]?.B ?? new Uint8Array()));
  }
  return { ...state, blocks, days };
}

function keyOf(item: Item): Key {
  return { pk: text(item["pk"]), sk: text(item["sk"]) };
}
