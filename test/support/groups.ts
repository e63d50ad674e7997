/**
 * Groups of a Pushgateway, as environments of one service push them: made by hand, and arbitrary ones
 * whose families and label sets meet each other.
 */

import fc from "fast-check";
import type { Group, HistogramSample, LabelSet, MetricFamily } from "../../lib/metrics/family.ts";
import { CLOSED, PAYLOAD_SAMPLES } from "../../lib/metrics/push/payload.ts";

export interface GroupSketch {
  /** Tells instances apart. Default 1. */
  readonly instance?: number;
  /** The rest of its grouping key. Default `{ job: "s", component: "c", environment: "e" }`. */
  readonly key?: LabelSet;
  /** Default 1,000. */
  readonly pushedAtSeconds?: number;
  readonly isClosed?: boolean;
  /** Its body was cut on the way. */
  readonly isTorn?: boolean;
}

const KEY: LabelSet = { job: "s", component: "c", environment: "e" };

/** An id of our form. */
export function instanceId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

export function groupOf(families: readonly MetricFamily[], sketch: GroupSketch = {}): Group {
  const { instance = 1, key = KEY, pushedAtSeconds = 1_000 } = sketch;
  const { isClosed = false, isTorn = false } = sketch;
  return {
    key: { ...key, instance: instanceId(instance) },
    pushedAtSeconds,
    refusedAtSeconds: 0,
    families: [
      ...families,
      gaugeFamily(CLOSED, [{}, isClosed ? 1 : 0]),
      ...(isTorn ? [] : [gaugeFamily(PAYLOAD_SAMPLES, [{}, 1])]),
    ],
  };
}

export function counterFamily(
  name: string,
  ...values: readonly (readonly [LabelSet, number])[]
): MetricFamily {
  const samples = values.map(([labels, value]) => ({ labels, value }));
  return { name, help: `Help of ${name}.`, type: "counter", samples };
}

export function gaugeFamily(
  name: string,
  ...values: readonly (readonly [LabelSet, number])[]
): MetricFamily {
  const samples = values.map(([labels, value]) => ({ labels, value }));
  return { name, help: `Help of ${name}.`, type: "gauge", samples };
}

export function histogramFamily(
  name: string,
  ...samples: readonly HistogramSample[]
): MetricFamily {
  return { name, help: `Help of ${name}.`, type: "histogram", samples };
}

/** A histogram of these observations. @param bounds ascending, without `+Inf`. */
export function histogramOf(
  labels: LabelSet,
  bounds: readonly number[],
  observations: readonly number[],
): HistogramSample {
  const countTo = (le: number) => observations.filter((value) => value <= le).length;
  return {
    labels,
    buckets: [...bounds, Infinity].map((le) => [le, countTo(le)] as const),
    sum: observations.reduce((all, value) => all + value, 0),
    count: observations.length,
  };
}

const amounts = fc.oneof(
  fc.nat(),
  fc.double({ min: 0, max: 1e300, noNaN: true }),
  fc.constantFrom(0.1, 0.2, 0.3, 1e-320, 2 ** 53, 1e16, 5e-324),
);
const labelSets = fc.constantFrom<LabelSet>({ l: "a" }, { l: "b" }, { l: 'a",l="b' });

const counters = fc
  .uniqueArray(fc.tuple(labelSets, amounts), { maxLength: 3, selector: ([{ l }]) => l })
  .map((values) => counterFamily("a_total", ...values));
const gauges = fc
  .uniqueArray(fc.tuple(labelSets, fc.integer()), { maxLength: 3, selector: ([{ l }]) => l })
  .map((values) => gaugeFamily("g", ...values));
const layouts = fc.constantFrom([1, 2, 5], [1, 2, 5, 10], [0.5, 3], []);
const histograms = fc
  .uniqueArray(fc.tuple(labelSets, layouts, fc.array(fc.nat(12), { maxLength: 8 }), amounts), {
    maxLength: 3,
    selector: ([{ l }]) => l,
  })
  .map((samples) =>
    histogramFamily(
      "h",
      ...samples.map(([labels, bounds, observations, sum]) => ({
        ...histogramOf(labels, bounds, observations),
        sum,
      })),
    ),
  );

/** A few families with few names, so that groups meet in them: `a_total`, `h` and `g`. */
export const arbitraryFamilies = fc
  .tuple(counters, histograms, gauges)
  .map((families) => families.filter(({ samples }) => samples.length > 0));

/** Groups of different instances, pushed at different times and the same. */
export function arbitraryGroups(maxLength = 8): fc.Arbitrary<Group[]> {
  const one = fc.record({
    families: arbitraryFamilies,
    pushedAtSeconds: fc.integer({ min: 900, max: 1_000 }),
    isClosed: fc.boolean(),
    component: fc.constantFrom("c", "d"),
  });
  return fc
    .array(one, { maxLength })
    .map((sketches) =>
      sketches.map(({ families, component, ...sketch }, instance) =>
        groupOf(families, { ...sketch, instance, key: { ...KEY, component } }),
      ),
    );
}
