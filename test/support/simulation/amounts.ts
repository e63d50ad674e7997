/**
 * How much there is of each series of the simulated families: what was recorded, pushed or served.
 */

import type { LabelSet, MetricFamily } from "../../../lib/metrics/family.ts";

/** Values that only grow, by series: counters, and a histogram's buckets, sum and count. */
export type Amounts = Map<string, number>;

/** One increment, or one observation with its size. */
export interface Recorded {
  readonly kind: string;
  readonly amount: number;
}

/** A double of which many don't add up without rounding. */
export const sizeOf = (amount: number): number => amount * 1_000.1;

/** Families of the model; the environments' own are only looked at on the page. */
const isSimulated = ({ name }: MetricFamily) => name.startsWith("simulated_");

/** What there is in a payload of this grouping key, or, without one, on a page. */
export function amountsOf(families: readonly MetricFamily[], key: LabelSet = {}): Amounts {
  const amounts: Amounts = new Map();
  for (const family of families) {
    if (family.type === "gauge") continue;
    if (Object.keys(key).length > 0 && !isSimulated(family)) continue;
    for (const sample of family.samples) {
      const series = seriesOf(family.name, { ...sample.labels, ...key });
      if ("value" in sample) amounts.set(series, sample.value);
      else {
        for (const [le, count] of sample.buckets) amounts.set(`${series} le=${le}`, count);
        amounts.set(`${series} sum`, sample.sum);
        amounts.set(`${series} count`, sample.count);
      }
    }
  }
  return amounts;
}

/** What recording adds under this grouping key; buckets left out, which depend on the bounds. */
export function amountsRecorded({ kind, amount }: Recorded, key: LabelSet): Amounts {
  const size = seriesOf("simulated_size_bytes", key);
  return new Map([
    [seriesOf("simulated_events_total", { ...key, kind }), amount],
    [`${size} sum`, sizeOf(amount)],
    [`${size} count`, 1],
  ]);
}

function seriesOf(name: string, labels: LabelSet): string {
  const { kind = "", job, service = job, component, environment, ...others } = labels;
  const { instance: _instance, ...rest } = others;
  const more = Object.keys(rest).length === 0 ? "" : JSON.stringify(rest);
  return `${name} ${service}/${environment}/${component} ${kind}${more}`;
}

export function add(amounts: Amounts, more: ReadonlyMap<string, number>): void {
  for (const [series, value] of more) amounts.set(series, (amounts.get(series) ?? 0) + value);
}

/** Keeps the greater of each. */
export function raise(amounts: Amounts, by: ReadonlyMap<string, number>): void {
  for (const [series, value] of by) {
    if (value > (amounts.get(series) ?? 0)) amounts.set(series, value);
  }
}

/** Sums of doubles in another order are the same but for this part of them. */
const ROUNDING = 1e-9;

/** The first series of which there is less than it should be; undefined when there is none. */
export function firstLess(
  amounts: ReadonlyMap<string, number>,
  than: ReadonlyMap<string, number>,
): string | undefined {
  for (const [series, value] of than) {
    const found = amounts.get(series) ?? 0;
    if (found < value * (1 - ROUNDING)) return `${series}: ${found} of ${value}`;
  }
  return undefined;
}
