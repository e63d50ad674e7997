/**
 * How far the load of one file has come, kept on disk so that a stopped load goes on where it was.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Position } from "./lines.ts";

/** What became of the lines so far; blank lines and the header are none of these. */
export interface LoadCounts {
  /** New trades. */
  readonly recorded: number;
  /** Trades that were there already, equal in everything. */
  readonly duplicates: number;
  /** Trades whose exchange, symbol and id belong to a different one, which stays. */
  readonly conflicts: number;
  /** Lines that hold no trade. */
  readonly bad: number;
}

export interface LoadState extends LoadCounts {
  /** Everything before it is recorded. */
  readonly position: Position;
}

export const NOTHING_LOADED: LoadState = {
  position: { bytes: 0, lines: 0 },
  recorded: 0,
  duplicates: 0,
  conflicts: 0,
  bad: 0,
};

export interface LoadStateFile {
  /** `undefined` when there is none, or none that can be read. */
  read(): LoadState | undefined;
  /** In one step: a reader finds the old state or the new one. */
  write(state: LoadState): void;
  remove(): void;
}

/** @param key everything that makes it another load: the file, the symbol, the database. */
export function loadStateFile(folder: string, key: readonly string[]): LoadStateFile {
  const name = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 32);
  const path = join(folder, `${name}.json`);
  return {
    read: () => parse(path),
    write: (state) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${path}.new`, JSON.stringify({ key, ...state }));
      renameSync(`${path}.new`, path);
    },
    remove: () => rmSync(path, { force: true }),
  };
}

function parse(path: string): LoadState | undefined {
  try {
    const { position, recorded, duplicates, conflicts, bad } = JSON.parse(
      readFileSync(path, "utf8"),
    ) as LoadState;
    const { bytes, lines } = position;
    const numbers = [bytes, lines, recorded, duplicates, conflicts, bad];
    if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) return undefined;
    return { position: { bytes, lines }, recorded, duplicates, conflicts, bad };
  } catch {
    return undefined;
  }
}
