/**
 * What a counter or a histogram has counted under one label set: exact, and only ever added to.
 */

import type { MetricDefinition } from "./definition.ts";
import { addSum, addValue, exactSum, type ExactSum } from "./exact-sum.ts";

export interface Amount {
  /** A counter's value; the sum of a histogram's observations. */
  readonly sum: ExactSum;
  /** Observations in each bucket by itself, the last one above all bounds; empty for a counter. */
  readonly counts: number[];
}

/** Nothing counted yet. */
export function zeroAmount({ type, buckets = [] }: MetricDefinition): Amount {
  const size = type === "histogram" ? buckets.length + 1 : 0;
  return { sum: exactSum(), counts: Array.from({ length: size }, () => 0) };
}

/** Counts one increment or one observation, at least 0. */
export function observeValue(definition: MetricDefinition, amount: Amount, value: number): void {
  addValue(amount.sum, value);
  if (definition.type !== "histogram") return;
  const { buckets = [] } = definition;
  let bucket = 0;
  while (bucket < buckets.length && value > (buckets[bucket] ?? Infinity)) bucket += 1;
  amount.counts[bucket] = (amount.counts[bucket] ?? 0) + 1;
}

/** Adds one amount of a definition to another. */
export function addAmount(into: Amount, from: Amount): void {
  addSum(into.sum, from.sum);
  for (let i = 0; i < from.counts.length; i += 1) {
    into.counts[i] = (into.counts[i] ?? 0) + (from.counts[i] ?? 0);
  }
}

/** The counts as buckets have them: each holds all below it too; the last is the count of all. */
export function cumulativeCounts({ counts }: Amount): number[] {
  let count = 0;
  return counts.map((own) => (count += own));
}
