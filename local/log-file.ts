/**
 * A log of one child on disk: begun anew with each start, and never larger than two halves, so that
 * a stack left running for weeks does not fill the disk.
 */

import { closeSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export interface LogFile {
  readonly path: string;
  /** Adds a line; the newline is added here. */
  write(line: string): void;
  close(): void;
}

const DEFAULT_HALF_BYTES = 32 * 1024 * 1024;

/** Opens and empties it. When it grows past `halfBytes` it becomes `PATH.old` and starts over. */
export function openLogFile(path: string, halfBytes: number = DEFAULT_HALF_BYTES): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  let file: number | undefined = openSync(path, "w");
  let bytes = 0;
  return {
    path,
    write: (line) => {
      if (file === undefined) return;
      if (bytes > halfBytes) {
        closeSync(file);
        renameSync(path, `${path}.old`);
        file = openSync(path, "w");
        bytes = 0;
      }
      bytes += writeSync(file, `${line}\n`);
    },
    close: () => {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
