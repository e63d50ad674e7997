/**
 * The samples of one family of a page, of all groups, in columns: that takes a fraction of what as
 * many objects would. They become objects group by group.
 */

import type {
  HistogramSample,
  LabelSet,
  MetricFamily,
  MetricType,
  ValueSample,
} from "../family.ts";
import type { PackedHistogram } from "../page/histogram-layouts.ts";
import type { FamilyHead } from "./protobuf-families.ts";

/** A label set on the page, less its instance: one object for all samples that have it. */
export interface PageLabels {
  readonly all: LabelSet;
  /** Without a key's labels, by the key's names. */
  readonly own: Map<readonly string[], LabelSet>;
}

/** One entry a sample, in the order of the page. */
export interface PageColumn {
  readonly head: FamilyHead;
  readonly type: MetricType;
  /** Numbers of groups. */
  readonly groups: number[];
  readonly labels: PageLabels[];
  /** Of counters and gauges. */
  readonly values: number[];
  readonly histograms: PackedHistogram[];
  /** Groups with a native histogram in this family. */
  readonly nativeGroups: Set<number>;
}

/** Opens an empty one. */
export function createPageColumn(head: FamilyHead, type: MetricType): PageColumn {
  const columns = { groups: [], labels: [], values: [], histograms: [] };
  return { head, type, ...columns, nativeGroups: new Set() };
}

/**
 * Sorts a column by group, of which there are so many.
 * @returns the family of a group whose key has these names; none when the group has no sample there,
 *   or a native histogram.
 */
export function splitColumn(
  column: PageColumn,
  groupCount: number,
): (group: number, keyNames: readonly string[]) => MetricFamily | undefined {
  const { starts, order } = sortByGroup(column.groups, groupCount);
  return (group, keyNames) => {
    const places = order.subarray(starts[group], starts[group + 1]);
    if (places.length === 0 || column.nativeGroups.has(group)) return undefined;
    return toFamily(column, places, keyNames);
  };
}

/** The places of each group's samples, in their order, one group's behind the other's. */
function sortByGroup(groups: readonly number[], groupCount: number) {
  const starts = new Uint32Array(groupCount + 1);
  for (const group of groups) starts[group + 1] = (starts[group + 1] ?? 0) + 1;
  for (let group = 0; group < groupCount; group += 1) {
    starts[group + 1] = (starts[group + 1] ?? 0) + (starts[group] ?? 0);
  }
  const order = new Uint32Array(groups.length);
  const next = starts.slice();
  groups.forEach((group, place) => {
    const at = next[group] ?? 0;
    order[at] = place;
    next[group] = at + 1;
  });
  return { starts, order };
}

function toFamily(
  { head: { name, help }, type, labels, values, histograms }: PageColumn,
  places: Uint32Array,
  keyNames: readonly string[],
): MetricFamily {
  const labelsAt = (place: number) => ownLabels(labels[place], keyNames);
  if (type === "histogram") {
    const samples: HistogramSample[] = [];
    for (const place of places) samples.push(toHistogram(labelsAt(place), histograms[place]));
    return { name, help, type, samples };
  }
  const samples: ValueSample[] = [];
  for (const place of places) samples.push({ labels: labelsAt(place), value: values[place] ?? 0 });
  return { name, help, type, samples };
}

function toHistogram(labels: LabelSet, packed: PackedHistogram | undefined): HistogramSample {
  const { bounds = [], counts = [], sum = 0, count = 0 } = packed ?? {};
  return { labels, buckets: bounds.map((le, i) => [le, counts[i] ?? 0] as const), sum, count };
}

/** Without the grouping labels: one object for all samples that are left with these. */
function ownLabels(labels: PageLabels | undefined, keyNames: readonly string[]): LabelSet {
  if (labels === undefined) return {};
  let own = labels.own.get(keyNames);
  if (own === undefined) {
    const entries = Object.entries(labels.all).filter(([name]) => !keyNames.includes(name));
    own = Object.fromEntries(entries);
    labels.own.set(keyNames, own);
  }
  return own;
}
