/**
 * From new trades to everything that recording them writes, and to the state that follows.
 */

import { foldDay, later, toDayItem } from "./day-totals.ts";
import { encodeIdBlock, type IdBlock } from "./id-block.ts";
import type { Journal } from "./journal.ts";
import {
  dayOfTrade,
  ID_BLOCK_SORT_KEY,
  idBlockKey,
  isCounted,
  placeInBlock,
  timeOf,
} from "./keys.ts";
import { closeBlocks, type IdBlocks } from "./open-blocks.ts";
import { forEachParallel } from "./parallel.ts";
import type { RecentDays } from "./recent-days.ts";
import type { SymbolState } from "./symbol-state.ts";
import { foldSymbol, toSymbolItem } from "./symbol-totals.ts";
import { type Day, type Micros16, microsOf } from "./timestamp.ts";
import { type Item, toTradeItem } from "./trade-item.ts";
import type { Trade } from "./trade.ts";

export interface CommitOptions {
  readonly recentDays: RecentDays;
  /** Partitions of a day of this symbol that has no trades yet. */
  readonly shards: number;
  /** Days from a trade's ingestion to its expiry; 0: it never expires. */
  readonly ttlDays: number;
}

export interface PreparedCommit {
  readonly journal: Journal;
  /** What the symbol will be once this is committed; its tokens are still the old ones. */
  readonly next: SymbolState;
}

const SECONDS_PER_DAY = 86_400;
const MAX_PARALLEL_DAYS = 16;

/**
 * Materialises a commit on top of a state. Writes nothing itself, entries of new days aside.
 * @param trades at least one, all new, and the state has been read for them.
 */
export async function prepareCommit(
  state: SymbolState,
  trades: readonly Trade[],
  options: CommitOptions,
): Promise<PreparedCommit> {
  const { symbol } = state;
  const version = state.position.version + 1;
  const totals = foldSymbol(state.position.totals, trades);
  const days = foldDays(state, trades, options);
  const { single, shared } = addIds(state, trades);
  const { open, closed } = closeBlocks(state.position.openBlocks, shared);
  const tradeItems = await toTradeItems(state, trades, { ...options, days });
  const dayItems = [...days].map(([day, total]) => toDayItem(total, { symbol, day, version }));
  return {
    journal: {
      immutable: [...tradeItems, ...toBlockItems(single)],
      blocks: toBlockItems(closed, { v: { N: String(version) } }),
      days: dayItems,
      symbol: toSymbolItem(totals, { symbol, version }),
    },
    next: {
      symbol,
      position: { ...state.position, version, totals, openBlocks: open },
      blocks: new Map([...state.blocks, ...single, ...shared]),
      days: new Map([...state.days, ...days]),
    },
  };
}

type FoldedDays = ReadonlyMap<Day, ReturnType<typeof foldDay>>;

/** The totals of each day that these trades touch. */
function foldDays(
  state: SymbolState,
  trades: readonly Trade[],
  { shards, ttlDays }: CommitOptions,
): FoldedDays {
  const byDay = Map.groupBy(trades, (trade) => dayOfTrade(trade));
  return new Map(
    [...byDay].map(([day, ofDay]) => {
      const expiry = ofDay.map((trade) => expiryOf(trade, ttlDays)).reduce(later);
      return [day, foldDay(state.days.get(day), ofDay, { shards, expiry })];
    }),
  );
}

/** The blocks that these trades' ids go to, with them: of one id for good, and shared by neighbours. */
function addIds(state: SymbolState, trades: readonly Trade[]) {
  const [single, shared] = [new Map<string, IdBlock>(), new Map<string, Map<number, Micros16>>()];
  for (const trade of trades) {
    const { pk } = idBlockKey(trade);
    const place = placeInBlock(trade.trade_id);
    if (isCounted(trade.trade_id)) {
      const block = shared.get(pk) ?? new Map(state.blocks.get(pk));
      shared.set(pk, block.set(place, timeOf(trade)));
    } else single.set(pk, new Map([[place, timeOf(trade)]]));
  }
  return { single, shared };
}

function toBlockItems(blocks: IdBlocks, attributes: Item = {}): Item[] {
  return [...blocks].map(([pk, block]) => ({
    pk: { S: pk },
    sk: { S: ID_BLOCK_SORT_KEY },
    b: { B: encodeIdBlock(block) },
    ...attributes,
  }));
}

async function toTradeItems(
  state: SymbolState,
  trades: readonly Trade[],
  { days, recentDays, ttlDays }: CommitOptions & { readonly days: FoldedDays },
): Promise<Item[]> {
  const recentShards = new Map<Day, number>();
  await forEachParallel(days, MAX_PARALLEL_DAYS, async ([day, { expiry }]) => {
    recentShards.set(day, await recentDays.shardsOf(day, expiry));
  });
  const count = state.position.totals?.count ?? 0;
  return trades.map((trade, index) => {
    const day = dayOfTrade(trade);
    return toTradeItem(trade, {
      platformSequence: count + index + 1,
      shards: days.get(day)?.shards ?? 1,
      recentShards: recentShards.get(day) ?? 1,
      expiry: expiryOf(trade, ttlDays),
    });
  });
}

/** Epoch seconds; undefined: never. */
function expiryOf(trade: Trade, ttlDays: number): number | undefined {
  if (ttlDays === 0) return undefined;
  return Number(microsOf(trade.ingestion_timestamp).slice(0, -6)) + ttlDays * SECONDS_PER_DAY;
}
