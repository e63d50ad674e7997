/**
 * How much of the simulated families there is: what was recorded, pushed or served, in one form.
 */

import type { MetricFamily } from "../../../lib/metrics/family.ts";

/** A counter's events over all its label sets, and a histogram's observations and their sum. */
export const COUNTED = ["simulated_events_total", "simulated_size_bytes", "bytes"] as const;

export type Counts = Record<(typeof COUNTED)[number], number>;

export const noCounts = (): Counts => ({
  simulated_events_total: 0,
  simulated_size_bytes: 0,
  bytes: 0,
});

/** What there is in these families; a family that is not among them is left out. */
export function countsOf(families: readonly MetricFamily[]): Partial<Counts> {
  const counts: Partial<Counts> = {};
  for (const { name, samples } of families) {
    for (const sample of samples) {
      if (name === "simulated_events_total" && "value" in sample) {
        counts[name] = (counts[name] ?? 0) + sample.value;
      } else if (name === "simulated_size_bytes" && "buckets" in sample) {
        counts[name] = (counts[name] ?? 0) + sample.count;
        counts.bytes = (counts.bytes ?? 0) + sample.sum;
      }
    }
  }
  return counts;
}

/** Adds, amount by amount. */
export function sumOf(all: Iterable<Partial<Counts>>): Counts {
  const sum = noCounts();
  for (const counts of all) {
    for (const name of COUNTED) sum[name] += counts[name] ?? 0;
  }
  return sum;
}

/** Keeps the greater of each. */
export function raise(counts: Counts, by: Partial<Counts>): void {
  for (const name of COUNTED) counts[name] = Math.max(counts[name], by[name] ?? 0);
}

/** The first amount of which there is less than in the other; undefined when there is none. */
export function firstLess(counts: Counts, than: Counts): string | undefined {
  const name = COUNTED.find((one) => counts[one] < than[one]);
  return name === undefined ? undefined : `${name}: ${counts[name]} of ${than[name]}`;
}

/** Every value that may never fall, by series. */
export function flatten(page: readonly MetricFamily[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const family of page) {
    if (family.type === "gauge") continue;
    for (const sample of family.samples) {
      const series = `${family.name} ${JSON.stringify(sample.labels)}`;
      if ("value" in sample) values.set(series, sample.value);
      else {
        for (const [le, count] of sample.buckets) values.set(`${series} ${le}`, count);
        values.set(`${series} sum`, sample.sum);
        values.set(`${series} count`, sample.count);
      }
    }
  }
  return values;
}

export function gaugeOf(page: readonly MetricFamily[], name: string): number {
  const [sample] = page.find((family) => family.name === name)?.samples ?? [];
  return sample !== undefined && "value" in sample ? sample.value : NaN;
}
