/**
 * Records trades exactly once: whatever was delivered again, lost or interrupted before, and whoever
 * else writes at the same time.
 */

import { ServiceError } from "../errors.ts";
import { encodeJournal } from "./journal.ts";
import { forEachParallel } from "./parallel.ts";
import { prepareCommit } from "./prepare-commit.ts";
import { openRecentDays, type RecentDays } from "./recent-days.ts";
import { type Conflict, splitBatch } from "./split-batch.ts";
import { applyJournal, busy, commitJournal, readPosition } from "./symbol-log.ts";
import { readFor, type SymbolState } from "./symbol-state.ts";
import type { Pause, Table } from "./table.ts";
import type { Trade } from "./trade.ts";

/** What came of a batch: the three add up to its length. */
export interface Outcome {
  readonly recorded: number;
  readonly duplicates: number;
  readonly conflicts: readonly Conflict[];
}

/** How the caller of a long batch follows and ends it. */
export interface RecordingWatch {
  /** Once aborted, no further commit is begun; what is left fails with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with trades that are dealt with for good, and what came of them; also when others fail. */
  readonly onSettled?: (trades: readonly Trade[], outcome: Outcome) => void;
}

export interface RecordOptions extends RecordingWatch {
  readonly ttlDays: number;
  readonly shards: ReadonlyMap<string, number>;
  readonly recentShards: number;
  readonly pause: Pause;
}

/** Most trades of one commit: enough that what each commit costs by itself does not count. */
const MAX_COMMIT_TRADES = 2_000;
/** Most bytes of a journal, so that the head with its blocks stays below DynamoDB's 400 KB an item. */
const MAX_JOURNAL_BYTES = 380_000;
const MAX_PARALLEL_SYMBOLS = 32;
/** When so many symbols fail, it is not about the symbols. */
const MAX_FAILED_SYMBOLS = 8;
const MAX_TRIES = 10;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 1_000;

interface SymbolWork extends RecordOptions {
  readonly symbol: string;
  readonly recentDays: RecentDays;
}

/**
 * Records a batch; symbols go side by side, each symbol's trades in commits one after the other, so
 * of two that contradict each other the first wins. Where a symbol fails, its later trades are left
 * and the other symbols go on; then the first failure is thrown.
 */
export async function recordTrades(
  table: Table,
  trades: readonly Trade[],
  options: RecordOptions,
): Promise<Outcome> {
  const recentDays = openRecentDays(table, options.recentShards);
  const outcomes: Outcome[] = [];
  const failures: unknown[] = [];
  const bySymbol = Map.groupBy(trades, (trade) => trade.symbol);
  await forEachParallel(bySymbol, MAX_PARALLEL_SYMBOLS, async ([symbol, ofSymbol]) => {
    try {
      outcomes.push(await recordSymbol(table, ofSymbol, { ...options, symbol, recentDays }));
    } catch (error) {
      failures.push(error);
      if (isForAll(error, options) || failures.length >= MAX_FAILED_SYMBOLS) throw failures[0];
    }
  });
  if (failures.length > 0) throw failures[0];
  return sumOf(outcomes);
}

/** True when trying further symbols is no use, or does harm. */
function isForAll(error: unknown, { signal }: RecordingWatch): boolean {
  return signal?.aborted === true || (error instanceof ServiceError && error.code === "THROTTLED");
}

/** Commits piece by piece; a commit lost to another writer is tried again on what that one left. */
async function recordSymbol(
  table: Table,
  trades: readonly Trade[],
  work: SymbolWork,
): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  let state: SymbolState | undefined;
  let [done, size, tries] = [0, MAX_COMMIT_TRADES, 0];
  while (done < trades.length) {
    work.signal?.throwIfAborted();
    state ??= await openState(table, work);
    const piece = trades.slice(done, done + size);
    const step = await recordPiece(table, { state, piece, work });
    if (step.kind === "recorded") {
      [state, done, tries] = [step.state, done + piece.length, 0];
      outcomes.push(step.outcome);
      work.onSettled?.(piece, step.outcome);
    } else if (step.kind === "too large") {
      size = Math.ceil(piece.length / 2);
    } else {
      state = undefined;
      tries += 1;
      if (tries === MAX_TRIES) throw busy(work.symbol);
      await work.pause(Math.min(FIRST_PAUSE_MS * 2 ** tries, MAX_PAUSE_MS) * Math.random());
    }
  }
  return sumOf(outcomes);
}

type Step =
  | { readonly kind: "recorded"; readonly state: SymbolState; readonly outcome: Outcome }
  | { readonly kind: "too large" }
  | { readonly kind: "out of date" };

async function recordPiece(
  table: Table,
  options: {
    readonly state: SymbolState;
    readonly piece: readonly Trade[];
    readonly work: SymbolWork;
  },
): Promise<Step> {
  const { piece, work } = options;
  const state = await readFor(table, options.state, piece);
  const { fresh, duplicates, conflicts } = await splitBatch(table, state, piece);
  const outcome = { recorded: fresh.length, duplicates, conflicts };
  if (fresh.length === 0) return { kind: "recorded", state, outcome };
  const shards = work.shards.get(work.symbol) ?? 1;
  const { journal, next } = await prepareCommit(state, fresh, { ...work, shards });
  const encoded = encodeJournal(journal);
  if (encoded.byteLength > MAX_JOURNAL_BYTES && piece.length > 1) return { kind: "too large" };
  const { symbol, position } = state;
  const { isCommitted, tokens } = await commitJournal(table, {
    symbol,
    position,
    journal: encoded,
    openBlocks: next.position.openBlocks,
  });
  if (!isCommitted) return { kind: "out of date" };
  await applyJournal(table, journal);
  return { kind: "recorded", state: { ...next, position: { ...next.position, tokens } }, outcome };
}

async function openState(table: Table, { symbol, pause }: SymbolWork): Promise<SymbolState> {
  const position = await readPosition(table, symbol, pause);
  return { symbol, position, blocks: position.openBlocks, days: new Map() };
}

function sumOf(outcomes: readonly Outcome[]): Outcome {
  return {
    recorded: outcomes.reduce((sum, outcome) => sum + outcome.recorded, 0),
    duplicates: outcomes.reduce((sum, outcome) => sum + outcome.duplicates, 0),
    conflicts: outcomes.flatMap((outcome) => outcome.conflicts),
  };
}
