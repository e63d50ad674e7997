/**
 * How far each consumer group has come in each partition, kept on disk.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

export interface CommittedOffsets {
  /** -1 when the group has committed nothing there. */
  get(place: OffsetPlace): number;
  set(offsets: readonly (OffsetPlace & { readonly offset: number })[]): void;
}

export interface OffsetPlace {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

/** Opens the note at this path, or begins one. */
export function openCommittedOffsets(path: string): CommittedOffsets {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "{}";
  const offsets = new Map(Object.entries(JSON.parse(text) as Record<string, number>));
  return {
    get: (place) => offsets.get(keyOf(place)) ?? -1,
    set: (committed) => {
      for (const { offset, ...place } of committed) offsets.set(keyOf(place), offset);
      writeFileSync(`${path}.new`, JSON.stringify(Object.fromEntries(offsets)));
      renameSync(`${path}.new`, path);
    },
  };
}

function keyOf({ group, topic, partition }: OffsetPlace): string {
  return JSON.stringify([group, topic, partition]);
}
