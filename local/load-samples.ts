/**
 * The day of sample trades that a new folder begins with.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { startProgress } from "./progress.ts";
import { dayBefore, makeSampleTrades } from "./sample-trades.ts";
import type { TradeStore } from "../lib/trades/trade-store.ts";

/** Which day was begun, in which database, and whether all of it is there. */
interface SampleNote {
  readonly database: string;
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly isComplete: boolean;
}

export interface SamplesOptions {
  readonly store: TradeStore;
  /** Resolves when the database answers: whether samples belong in it. */
  readonly isWanted: Promise<boolean>;
  /** The same for the same data, whatever port it has today. */
  readonly database: string;
  /** Where it is noted that they are there. */
  readonly notePath: string;
  readonly now: Date;
  /** Stops between two chunks; the next start goes on. */
  readonly signal: AbortSignal;
}

/** Of all symbols, which are recorded side by side. */
const CHUNK_TRADES = 4_000;

/**
 * Loads them, or the rest of them, unless the note says they are there. Loading them again changes
 * nothing, so a start that was interrupted begins its day anew.
 * @returns the day they are of; `undefined` when they are not wanted.
 */
export async function loadSamples(options: SamplesOptions): Promise<string | undefined> {
  const { store, isWanted, database, notePath, now, signal } = options;
  const note = readNote(notePath);
  const date = note?.database === database ? note.date : dayBefore(now);
  if (note?.database === database && note.isComplete) return (await isWanted) ? date : undefined;
  // Made while the database starts, which takes as long.
  const trades = makeSampleTrades({ date }).sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  if (!(await isWanted)) return undefined;
  writeNote(notePath, { database, date, isComplete: false });
  const progress = startProgress({
    label: `sample trades of ${date}`,
    total: trades.length,
    things: "trades",
  });
  try {
    for (let at = 0; at < trades.length; at += CHUNK_TRADES) {
      if (signal.aborted) return date;
      await store.recordTrades(trades.slice(at, at + CHUNK_TRADES));
      const done = Math.min(trades.length, at + CHUNK_TRADES);
      progress.update(done, done);
    }
  } finally {
    progress.stop();
  }
  writeNote(notePath, { database, date, isComplete: true });
  return date;
}

function readNote(path: string): SampleNote | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as SampleNote;
  } catch {
    return undefined;
  }
}

function writeNote(path: string, note: SampleNote): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(note)}\n`);
}
