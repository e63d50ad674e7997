/**
 * The floor: no page is served below the one before it. It matters when a Pushgateway lost its data:
 * counters then stand still until the environments have pushed again, where a dip would show in
 * `rate()` as all their events at once.
 */

import type { HistogramSample, MetricFamily, ValueFamily, ValueSample } from "../family.ts";
import { sampleNames } from "../definition.ts";
import { seriesKey } from "./page-series.ts";
import { compareText } from "../tally.ts";

export interface Raised {
  /** What to serve: no counter, bucket, sum or count below the floor. */
  readonly families: MetricFamily[];
  /** What to keep as the next floor; also families that a conflict leaves off the page. */
  readonly floor: MetricFamily[];
  /** Whether the floor held anything up. */
  readonly isHeld: boolean;
  /** Whether the next floor differs from the last. */
  readonly isChanged: boolean;
}

/** Takes the maximum of a page and the floor, series by series, over the union of their bounds. */
export function raiseToFloor(
  page: readonly MetricFamily[],
  floor: readonly MetricFamily[],
): Raised {
  const below = new Map(floor.map((family) => [familyKey(family), family]));
  const state = { isHeld: false, isChanged: false };
  const families = page.map((family) => {
    if (family.type === "gauge") return family;
    const last = below.get(familyKey(family));
    below.delete(familyKey(family));
    return raiseFamily(family, last, state);
  });
  const names = new Set(families.flatMap((family) => sampleNames(family)));
  const missing = [...below.values()];
  // What was served last stands first: of two that claim one name it is shown again, the other not.
  const restored = missing.filter((family) => claim(sampleNames(family), names));
  if (restored.length > 0) state.isHeld = true;
  const served = [...families, ...restored].sort((a, b) => compareText(a.name, b.name));
  const hidden = missing.filter((family) => !restored.includes(family));
  const next = [...served.filter(({ type }) => type !== "gauge"), ...hidden];
  return { families: served, floor: next, ...state };
}

/** Claims names, all or none. @returns whether they were free. */
function claim(wanted: readonly string[], claimed: Set<string>): boolean {
  if (wanted.some((name) => claimed.has(name))) return false;
  for (const name of wanted) claimed.add(name);
  return true;
}

interface State {
  isHeld: boolean;
  isChanged: boolean;
}

function familyKey({ name, type }: MetricFamily): string {
  return `${name} ${type}`;
}

function raiseFamily(
  family: MetricFamily,
  floor: MetricFamily | undefined,
  state: State,
): MetricFamily {
  if (family.type === "histogram") {
    const last = floor?.type === "histogram" ? floor.samples : [];
    return { ...family, samples: raiseSamples(family.samples, last, raiseHistogram, state) };
  }
  const last = floor === undefined || floor.type === "histogram" ? [] : floor.samples;
  const samples = raiseSamples(family.samples, last, raiseCounter, state);
  return { ...family, samples } satisfies ValueFamily;
}

function raiseSamples<S extends ValueSample | HistogramSample>(
  samples: readonly S[],
  floor: readonly S[],
  raise: (sample: S, last: S, state: State) => S,
  state: State,
): S[] {
  const below = new Map(floor.map((sample) => [seriesKey(sample.labels), sample]));
  const raised = new Map<string, S>();
  for (const sample of samples) {
    const key = seriesKey(sample.labels);
    const last = below.get(key);
    below.delete(key);
    if (last === undefined) state.isChanged = true;
    raised.set(key, last === undefined ? sample : raise(sample, last, state));
  }
  if (below.size > 0) state.isHeld = true;
  for (const [key, last] of below) raised.set(key, last);
  return [...raised].sort(([a], [b]) => compareText(a, b)).map(([, sample]) => sample);
}

function raiseCounter(sample: ValueSample, last: ValueSample, state: State): ValueSample {
  return { labels: sample.labels, value: greater(sample.value, last.value, state) };
}

function raiseHistogram(
  sample: HistogramSample,
  last: HistogramSample,
  state: State,
): HistogramSample {
  const bounds = new Set([...sample.buckets, ...last.buckets].map(([le]) => le));
  if (bounds.size > last.buckets.length) state.isChanged = true;
  const buckets = [...bounds]
    .sort((a, b) => a - b)
    .map((le) => [le, greater(countAt(sample, le), countAt(last, le), state)] as const);
  const sum = greater(sample.sum, last.sum, state);
  return { labels: sample.labels, buckets, sum, count: buckets.at(-1)?.[1] ?? 0 };
}

/** The count at a bound of any layout: that of the largest own bound below it. */
function countAt({ buckets }: HistogramSample, le: number): number {
  return buckets.findLast(([bound]) => bound <= le)?.[1] ?? 0;
}

function greater(value: number, last: number, state: State): number {
  if (value < last) state.isHeld = true;
  if (value > last) state.isChanged = true;
  return Math.max(value, last);
}
