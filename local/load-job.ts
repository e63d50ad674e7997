/**
 * One file given to the loader: its state kept, its progress shown, its faults told, its sums said.
 */

import { parseBinanceLine } from "./binance.ts";
import type { FoundDatabase } from "./find-database.ts";
import type { LocalFolder } from "./folder.ts";
import { loadFile, type LineFault } from "./load-file.ts";
import { loadStateFile, NOTHING_LOADED, type LoadState } from "./load-state.ts";
import { formatCount, formatDuration, startProgress, type Progress } from "./progress.ts";
import { withRetries } from "./retries.ts";
import type { TradeFile } from "./trade-file.ts";
import type { Conflict } from "../lib/trades/trade-store.ts";

export interface LoadJob {
  readonly file: TradeFile;
  readonly symbol: string;
  readonly exchange: string;
  readonly currency: string;
}

export interface LoadContext {
  readonly folder: LocalFolder;
  readonly database: FoundDatabase;
  /** Forget how far an earlier load of the file came. */
  readonly isRestart: boolean;
  /** Stops after the chunk under way. */
  readonly signal: AbortSignal;
  /** Prints a line of the result. */
  readonly say: (text: string) => void;
}

/** Faults told one by one per file; what comes after is only counted. */
const MAX_TOLD = 20;

/** Loads the file, from where an earlier load stopped unless told otherwise; tells what came of it. */
export async function runLoadJob(job: LoadJob, context: LoadContext): Promise<LoadState> {
  const { file, symbol, exchange, currency } = job;
  const { database, folder, signal, say } = context;
  const stateFile = loadStateFile(folder.loads, [
    file.identity,
    exchange,
    symbol,
    database.identity,
  ]);
  const from = (context.isRestart ? undefined : stateFile.read()) ?? NOTHING_LOADED;
  if (from.position.lines > 0)
    say(`${file.path}: going on after line ${formatCount(from.position.lines)}.`);
  const now = Date.now() * 1_000;
  const startedAt = performance.now();
  const progress = startFileProgress(file, from);
  const told = tellFaults(file, progress);
  try {
    const state = await loadFile({
      file,
      from,
      signal,
      parse: (line, lineNumber) =>
        parseBinanceLine(line, lineNumber, { symbol, exchange, currency, now }),
      record: async (trades) =>
        withRetries(async () => database.store.recordTrades(trades), {
          signal,
          onRetry: (text) => progress.note(text),
        }),
      onChunk: (state, faults, conflicts) => {
        stateFile.write(state);
        told(faults, conflicts);
        progress.update(state.position.bytes, tradesOf(state));
      },
    });
    progress.stop();
    if (signal.aborted) return state;
    stateFile.remove();
    say(summarize(file, state, { trades: tradesOf(state) - tradesOf(from), startedAt }));
    return state;
  } finally {
    progress.stop();
  }
}

function startFileProgress(file: TradeFile, from: LoadState): Progress {
  return startProgress({
    label: file.csvName,
    total: Math.max(1, file.csvBytes),
    things: "trades",
    from: { done: from.position.bytes, count: tradesOf(from) },
  });
}

function tellFaults(file: TradeFile, progress: Progress) {
  let told = 0;
  const tell = (text: string) => {
    told += 1;
    if (told <= MAX_TOLD) progress.note(`${file.path}:${text}`);
    if (told === MAX_TOLD + 1) progress.note(`${file.path}: more like these are only counted`);
  };
  return (faults: readonly LineFault[], conflicts: readonly Conflict[]) => {
    for (const { lineNumber, reason } of faults) tell(`${lineNumber}: ${reason}`);
    for (const { trade, fields } of conflicts)
      tell(` trade ${trade.trade_id} was recorded before with another ${fields.join(", ")}`);
  };
}

function tradesOf({ recorded, duplicates, conflicts }: LoadState): number {
  return recorded + duplicates + conflicts;
}

function summarize(
  file: TradeFile,
  state: LoadState,
  run: { readonly trades: number; readonly startedAt: number },
): string {
  const seconds = (performance.now() - run.startedAt) / 1_000;
  const counts = [
    `recorded ${formatCount(state.recorded)}`,
    `duplicates ${formatCount(state.duplicates)}`,
    `conflicts ${formatCount(state.conflicts)}`,
    `bad lines ${formatCount(state.bad)}`,
  ];
  const isUnchanged = state.recorded === 0 && state.duplicates > 0;
  return (
    `${file.path}: ${counts.join(", ")}; ${formatDuration(seconds)}, ` +
    `${formatCount(run.trades / seconds)} trades/s.${isUnchanged ? " Nothing changed." : ""}`
  );
}
