/**
 * The groups of the embedded Pushgateway: pushed, replaced, refused and deleted as a real one does.
 */

import type { LabelSet } from "../../lib/metrics/family.ts";
import { findInconsistency } from "./consistency.ts";
import type { Exposition, ParsedFamily } from "./exposition.ts";
import { labelSetId, sortLabels } from "./label-set.ts";

export const PUSH_TIME = "push_time_seconds";
export const PUSH_FAILURE_TIME = "push_failure_time_seconds";

export interface StoredFamily {
  /** Its samples carry the grouping labels. */
  readonly family: ParsedFamily;
  /** When it was last pushed, in milliseconds since the epoch. */
  readonly pushedAtMs: number;
}

export interface StoredGroup {
  readonly key: LabelSet;
  /** By name; the two push times are among them. */
  readonly families: ReadonlyMap<string, StoredFamily>;
}

export interface GroupStoreOptions {
  /** What it begins with. */
  readonly groups: readonly StoredGroup[];
  /** Whether a push must be consistent with everything that is stored. */
  readonly isChecked: boolean;
  /** The Pushgateway's own families, which pushes must be consistent with. */
  readonly ownFamilies: () => readonly ParsedFamily[];
  readonly nowMs: () => number;
  /** Called after each change. */
  readonly onChange: () => void;
}

export interface GroupStore {
  /**
   * Stores what was pushed: instead of the whole group, or instead of its families of the same names.
   * A refused push changes nothing but the group's failure time, and makes the group if need be.
   * @returns why it was refused; `undefined` when it was stored.
   */
  push(key: LabelSet, exposition: Exposition, replaces: "group" | "families"): string | undefined;
  /** Deletes a group, which need not be there. */
  remove(key: LabelSet): void;
  groups(): Iterable<StoredGroup>;
  /** The Pushgateway's own families and those of all groups. */
  families(): ParsedFamily[];
}

/** Opens a store. The Pushgateway calls the moment of a push what `nowMs` says when it is stored. */
export function openGroupStore(options: GroupStoreOptions): GroupStore {
  const { isChecked, ownFamilies, nowMs, onChange } = options;
  const groups = new Map(options.groups.map((group) => [labelSetId(group.key), group]));

  function families(instead: StoredGroup | undefined): ParsedFamily[] {
    const all = new Map(groups);
    if (instead !== undefined) all.set(labelSetId(instead.key), instead);
    const stored = [...all.values()].flatMap((group) => [...group.families.values()]);
    return [...ownFamilies(), ...stored.map(({ family }) => family)];
  }

  function set(group: StoredGroup): void {
    groups.set(labelSetId(group.key), group);
    onChange();
  }

  return {
    push: (key, { families: pushed, hasTimestamps }, replaces) => {
      const pushedAtMs = nowMs();
      const before = groups.get(labelSetId(key))?.families ?? new Map<string, StoredFamily>();
      const after = { key, families: change(before, { key, pushed, pushedAtMs, replaces }) };
      let problem = hasTimestamps ? "pushed metrics must not have timestamps" : undefined;
      if (isChecked) problem ??= findInconsistency(families(after));
      set(problem === undefined ? after : { key, families: fail(before, key, pushedAtMs) });
      return problem;
    },
    remove: (key) => {
      if (groups.delete(labelSetId(key))) onChange();
    },
    groups: () => groups.values(),
    families: () => families(undefined),
  };
}

type Families = ReadonlyMap<string, StoredFamily>;

interface Change {
  readonly key: LabelSet;
  readonly pushed: readonly ParsedFamily[];
  readonly pushedAtMs: number;
  readonly replaces: "group" | "families";
}

function change(before: Families, { key, pushed, pushedAtMs, replaces }: Change): Families {
  const isPushTime = (name: string) => name === PUSH_TIME || name === PUSH_FAILURE_TIME;
  const kept = [...before].filter(([name]) => replaces === "families" || isPushTime(name));
  const after = new Map(kept);
  for (const family of pushed) {
    after.set(family.name, { family: withKey(family, key), pushedAtMs });
  }
  after.set(PUSH_TIME, pushTime(PUSH_TIME, key, pushedAtMs, pushedAtMs));
  if (!before.has(PUSH_FAILURE_TIME)) {
    after.set(PUSH_FAILURE_TIME, pushTime(PUSH_FAILURE_TIME, key, 0, pushedAtMs));
  }
  return after;
}

function fail(before: Families, key: LabelSet, pushedAtMs: number): Families {
  const after = new Map(before);
  after.set(PUSH_FAILURE_TIME, pushTime(PUSH_FAILURE_TIME, key, pushedAtMs, pushedAtMs));
  if (!before.has(PUSH_TIME)) after.set(PUSH_TIME, pushTime(PUSH_TIME, key, 0, pushedAtMs));
  return after;
}

function pushTime(name: string, key: LabelSet, atMs: number, pushedAtMs: number): StoredFamily {
  const outcome = name === PUSH_TIME ? "succeeded" : "failed";
  const help = `Last Unix time when changing this group in the Pushgateway ${outcome}.`;
  const samples = [{ labels: {}, value: atMs / 1_000 }];
  return { family: withKey({ name, help, type: "gauge", samples }, key), pushedAtMs };
}

/** Grouping labels go before a sample's own; one without `instance` gets an empty one. */
function withKey(family: ParsedFamily, key: LabelSet): ParsedFamily {
  const samples = family.samples.map((sample) => ({
    ...sample,
    labels: sortLabels({ instance: "", ...sample.labels, ...key }),
  }));
  return { ...family, samples } as ParsedFamily;
}
