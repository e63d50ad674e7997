/**
 * The `/metrics` page: families of all groups, in the order in which a Pushgateway shows them.
 */

import type { LabelSet } from "../../lib/metrics/family.ts";
import { findInconsistency } from "./consistency.ts";
import type { ParsedFamily } from "./exposition.ts";

/** A page, or why there can be none. */
export type Page = { readonly families: readonly ParsedFamily[] } | { readonly problem: string };

type Sample = ParsedFamily["samples"][number];

/** Joins families of one name, sorts families by name and samples by label values. */
export function joinFamilies(families: readonly ParsedFamily[]): Page {
  const problem = findInconsistency(families);
  if (problem !== undefined) return { problem };
  const byName = Map.groupBy(families, ({ name }) => name);
  const joined = [...byName.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [join(first, others)],
  );
  return { families: joined.sort((a, b) => compare(a.name, b.name)) };
}

/** Families of one name are of one type here. */
function join(first: ParsedFamily, others: readonly ParsedFamily[]): ParsedFamily {
  const samples = [first, ...others].flatMap((family): Sample[] => [...family.samples]);
  samples.sort((a, b) => compareLabels(a.labels, b.labels));
  return { ...first, samples } as ParsedFamily;
}

function compareLabels(a: LabelSet, b: LabelSet): number {
  const [left, right] = [Object.values(a), Object.values(b)];
  if (left.length !== right.length) return left.length - right.length;
  const at = left.findIndex((value, i) => value !== right[i]);
  return at === -1 ? 0 : compare(left[at] ?? "", right[at] ?? "");
}

/** By code point, as UTF-8 sorts; JavaScript's own order is that of UTF-16. */
function compare(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
