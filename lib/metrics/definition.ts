/**
 * What a metric family is: its name, type, labels and, by type, its buckets or its aggregation.
 */

import type { LabelSet, MetricType } from "./family.ts";

/** How one gauge of several environments becomes one value. `last`: the one pushed last. */
export type GaugeAggregation = "sum" | "max" | "min" | "avg" | "last";

export interface MetricDefinition {
  /** A counter's ends in `_total`. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** Names of its labels; every sample has exactly these. Default: none. */
  readonly labels?: readonly string[];
  /** A histogram's upper bounds, ascending, without `+Inf`. Default: by the unit in its name. */
  readonly buckets?: readonly number[];
  /** A gauge's rule. Default `last`. */
  readonly aggregation?: GaugeAggregation;
  /** Label sets to start at 0, since PromQL never sees the first increment of a series born above 0. */
  readonly zeros?: readonly LabelSet[];
}

const SUFFIXES = ["_bucket", "_sum", "_count"] as const;

/** Whether two definitions describe the same samples; `help` and `zeros` may differ. */
export function isSameDefinition(a: MetricDefinition, b: MetricDefinition): boolean {
  return (
    a.name === b.name &&
    a.type === b.type &&
    isSameList(a.labels, b.labels) &&
    isSameList(a.buckets, b.buckets) &&
    (a.aggregation ?? "last") === (b.aggregation ?? "last")
  );
}

/** Every name that a family's samples take in the exposition, its own first. */
export function sampleNames(definition: Pick<MetricDefinition, "name" | "type">): string[] {
  const { name, type } = definition;
  return type === "histogram" ? [name, ...SUFFIXES.map((suffix) => name + suffix)] : [name];
}

/** Tells a label set from all others of its family. @param labels has the definition's names. */
export function labelKey({ labels: names = [] }: MetricDefinition, labels: LabelSet): string {
  if (names.length === 1) return labels[names[0] ?? ""] ?? "";
  let key = "";
  for (const name of names) {
    const value = labels[name] ?? "";
    // With its length before it, no value can look like the end of one and the start of the next.
    key += `${value.length} ${value}`;
  }
  return key;
}

function isSameList<T>(a: readonly T[] = [], b: readonly T[] = []): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
