/**
 * Whether families of all groups can stand on one page: the check that makes a Pushgateway refuse a
 * push.
 */

import type { ParsedFamily } from "./exposition.ts";
import { labelSetId } from "./label-set.ts";

type FamilyType = ParsedFamily["type"];

/** What composite families add to their name, which no other family may be named. */
const SUFFIXES: Readonly<Partial<Record<FamilyType, readonly string[]>>> = {
  histogram: ["_count", "_sum", "_bucket"],
  summary: ["_count", "_sum"],
};

/** Families never change once they are stored. */
const idsByFamily = new WeakMap<ParsedFamily, readonly string[]>();

/**
 * Finds two families of one name and different types, a name that collides with a histogram's or
 * summary's own, a reserved label name, or two samples with the same name and labels.
 * @param families those of one name may come several times, from different groups.
 * @returns the first problem, as a sentence; `undefined` when there is none.
 */
export function findInconsistency(families: Iterable<ParsedFamily>): string | undefined {
  const types = new Map<string, FamilyType>();
  const ids = new Set<string>();
  for (const family of families) {
    const { name, type } = family;
    const known = types.get(name);
    if (known !== undefined && known !== type)
      return `collected metric "${name}" is not a ${known}`;
    const problem = findCollision(name, type, types) ?? findReservedLabel(family);
    if (problem !== undefined) return problem;
    types.set(name, type);
    for (const id of sampleIds(family)) {
      if (ids.has(id)) {
        return `collected metric ${id} was collected before with the same name and label values`;
      }
      ids.add(id);
    }
  }
  return undefined;
}

function findCollision(
  name: string,
  type: FamilyType,
  types: ReadonlyMap<string, FamilyType>,
): string | undefined {
  const taken = SUFFIXES[type]?.map((suffix) => name + suffix).find((other) => types.has(other));
  if (taken !== undefined) return collision(name, taken);
  const suffix = /_(count|sum|bucket)$/.exec(name)?.[0] ?? "";
  const base = name.slice(0, name.length - suffix.length);
  const baseType = types.get(base);
  const isTaken = suffix !== "" && baseType && SUFFIXES[baseType]?.includes(suffix);
  return isTaken ? collision(base, name) : undefined;
}

function collision(composite: string, name: string): string {
  return `collected histogram or summary named "${composite}" collides with metric named "${name}"`;
}

function findReservedLabel({ name, samples }: ParsedFamily): string | undefined {
  for (const { labels } of samples) {
    const reserved = Object.keys(labels).find((label) => label.startsWith("__"));
    if (reserved !== undefined) {
      return `collected metric "${name}" has a label with an invalid name: ${reserved}`;
    }
  }
  return undefined;
}

function sampleIds(family: ParsedFamily): readonly string[] {
  const known = idsByFamily.get(family);
  if (known !== undefined) return known;
  const ids = family.samples.map(({ labels }) => `${family.name} ${labelSetId(labels)}`);
  idsByFamily.set(family, ids);
  return ids;
}
