/**
 * A log that a test can read.
 */

import { createLog, type Log } from "../../lib/log.ts";

export interface TestLog {
  readonly log: Log;
  /** The lines so far, as they were written. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
}

export function createTestLog(): TestLog {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { log: createLog({ level: "debug", write }), lines };
}
