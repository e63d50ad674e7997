/**
 * Loads one file of trades: cut into lines, parsed, recorded in chunks, its position kept after each.
 */

import type { ParsedLine } from "./binance.ts";
import { readLines, type Position } from "./lines.ts";
import type { LoadState } from "./load-state.ts";
import type { TradeFile } from "./trade-file.ts";
import type { Conflict, Recorded } from "../lib/trades/trade-store.ts";
import type { Trade } from "../lib/trades/trade.ts";

/** A line that holds no trade. */
export interface LineFault {
  readonly lineNumber: number;
  readonly reason: string;
}

export interface LoadFileOptions {
  readonly file: TradeFile;
  readonly from: LoadState;
  readonly parse: (line: string, lineNumber: number) => ParsedLine;
  /** Idempotent: a chunk is sent again when the process ended before its position was kept. */
  readonly record: (trades: readonly Trade[]) => Promise<Recorded>;
  /** Called once everything before `state.position` is recorded, in the file's order. */
  readonly onChunk: (
    state: LoadState,
    faults: readonly LineFault[],
    conflicts: readonly Conflict[],
  ) => void;
  /** Stops between two chunks. */
  readonly signal?: AbortSignal;
}

/** Trades recorded together: enough that a chunk's own cost does not count, few enough to redo. */
const CHUNK_TRADES = 2_000;

interface Chunk {
  readonly trades: readonly Trade[];
  readonly faults: readonly LineFault[];
  readonly end: Position;
}

/** Loads the rest of the file and answers the state at its end, or at the signal. */
export async function loadFile(options: LoadFileOptions): Promise<LoadState> {
  const { from, record, onChunk, signal } = options;
  const chunks = readChunks(options);
  let state = from;
  try {
    let next = await chunks.next();
    while (next.done !== true) {
      if (signal?.aborted === true) break;
      const chunk = next.value;
      // Asked for in this order, the next chunk is parsed while the database works on this one.
      const [result, following] = await Promise.all([record(chunk.trades), chunks.next()]);
      state = advance(state, chunk, result);
      onChunk(state, chunk.faults, result.conflicts);
      next = following;
    }
    return state;
  } finally {
    await chunks.return(undefined);
  }
}

function advance(state: LoadState, { end, faults }: Chunk, result: Recorded): LoadState {
  return {
    position: end,
    recorded: state.recorded + result.recorded,
    duplicates: state.duplicates + result.duplicates,
    conflicts: state.conflicts + result.conflicts.length,
    bad: state.bad + faults.length,
  };
}

async function* readChunks({ file, from, parse }: LoadFileOptions): AsyncGenerator<Chunk> {
  let trades: Trade[] = [];
  let faults: LineFault[] = [];
  let end: Position | undefined;
  for await (const lines of readLines(file.read(from.position.bytes), from.position)) {
    for (const line of lines) {
      const { trade, fault } = parse(line.text, line.number);
      if (trade !== undefined) trades.push(trade);
      if (fault !== undefined) faults.push({ lineNumber: line.number, reason: fault });
      end = line.end;
      if (trades.length + faults.length < CHUNK_TRADES) continue;
      yield { trades, faults, end };
      [trades, faults] = [[], []];
    }
  }
  if (end !== undefined) yield { trades, faults, end };
}
