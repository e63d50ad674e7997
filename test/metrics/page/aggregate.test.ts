import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAggregation, type AggregationOptions } from "../../../lib/metrics/page/aggregate.ts";
import type { GaugeAggregation } from "../../../lib/metrics/definition.ts";
import type {
  Group,
  HistogramSample,
  LabelSet,
  MetricFamily,
} from "../../../lib/metrics/family.ts";
import { createPageSeries } from "../../../lib/metrics/page/page-series.ts";
import { createTally, type StoredFamily } from "../../../lib/metrics/tally.ts";
import { exactTotal } from "../../support/exact-doubles.ts";
import {
  arbitraryGroups,
  counterFamily,
  gaugeFamily,
  groupOf,
  histogramFamily,
  histogramOf,
} from "../../support/groups.ts";

const NOW = 1_000;

function aggregate(
  groups: readonly Group[],
  { stored = [], ...options }: AggregationOptions & { stored?: readonly StoredFamily[] } = {},
) {
  const aggregation = createAggregation(options);
  aggregation.addStored(stored);
  for (const group of groups) aggregation.add(group, NOW);
  return aggregation.result();
}

/** What retirement would store of these groups, through JSON as the ledger keeps it. */
function fold(groups: readonly Group[]): StoredFamily[] {
  const tally = createTally();
  const pageSeries = createPageSeries();
  for (const group of groups) {
    for (const family of group.families)
      tally.add(family, pageSeries(group), group.pushedAtSeconds);
  }
  return JSON.parse(JSON.stringify(tally.toStored())) as StoredFamily[];
}

const labelled = (labels: LabelSet = {}, component = "c") => ({
  component,
  environment: "e",
  instance: "",
  ...labels,
  service: "s",
});
const withoutGauges = (families: readonly MetricFamily[]) =>
  families.filter(({ type }) => type !== "gauge");
const shuffles = <T>(items: fc.Arbitrary<T[]>) =>
  items.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
  );

describe("a page", () => {
  it("is the same in whatever order the groups are read", () => {
    fc.assert(
      fc.property(shuffles(arbitraryGroups()), ([groups, shuffled]) => {
        expect(aggregate(shuffled)).toEqual(aggregate(groups));
      }),
    );
  });

  it("is the same whichever of its groups have been folded into the ledger, and in how many runs", () => {
    fc.assert(
      fc.property(arbitraryGroups(), fc.nat(8), fc.nat(8), (groups, first, second) => {
        const [folded, rest] = [groups.slice(0, first), groups.slice(first)];
        const stored = [...fold(folded), ...fold(rest.slice(0, second))];
        const page = aggregate(rest.slice(second), { stored });
        expect(withoutGauges(page.families)).toEqual(withoutGauges(aggregate(groups).families));
      }),
    );
  });

  it("shows of each counter the exact sum, rounded once", () => {
    fc.assert(
      fc.property(arbitraryGroups(), (groups) => {
        const { families } = aggregate(groups);
        const terms = new Map<string, number[]>();
        for (const { key, families: own } of groups) {
          for (const { labels, value } of valuesOf(own, "a_total")) {
            const series = `${key["component"]} ${labels["l"]}`;
            terms.set(series, [...(terms.get(series) ?? []), value]);
          }
        }
        const shown = valuesOf(families, "a_total").map(
          ({ labels, value }) => [`${labels["component"]} ${labels["l"]}`, value] as const,
        );
        const expected = [...terms].map(
          ([series, values]) => [series, exactTotal(values)] as const,
        );
        expect(new Map(shown)).toEqual(new Map(expected));
      }),
    );
  });

  it("never shows less when a group is added", () => {
    fc.assert(
      fc.property(arbitraryGroups(), (groups) => {
        const before = numbersOf(aggregate(groups.slice(0, -1)).families);
        const after = numbersOf(aggregate(groups).families);
        for (const [series, value] of before)
          expect([series, (after.get(series) ?? -1) >= value]).toEqual([series, true]);
      }),
    );
  });

  it("has its families by name and their samples by label set", () => {
    const groups = [
      groupOf([gaugeFamily("z", [{}, 1]), counterFamily("b_total", [{ l: "2" }, 1])]),
      groupOf([counterFamily("b_total", [{ l: "1" }, 1]), counterFamily("a_total", [{}, 1])], {
        instance: 2,
      }),
    ];
    const { families } = aggregate(groups);
    expect(families.map(({ name }) => name)).toEqual(["a_total", "b_total", "z"]);
    expect(valuesOf(families, "b_total").map(({ labels }) => labels["l"])).toEqual(["1", "2"]);
  });

  it("names the service and leaves the instance empty", () => {
    const { families } = aggregate([groupOf([counterFamily("a_total", [{ l: "x" }, 1])])]);
    expect(families).toEqual([
      {
        name: "a_total",
        help: "Help of a_total.",
        type: "counter",
        samples: [{ labels: labelled({ l: "x" }), value: 1 }],
      },
    ]);
    const [sample] = families[0]?.samples ?? [];
    expect(Object.keys(sample?.labels ?? {})).toEqual([
      "component",
      "environment",
      "instance",
      "l",
      "service",
    ]);
  });

  it("keeps label sets apart that look alike when they are put together", () => {
    const counter = counterFamily("a_total", [{ a: '1",b="2', b: "" }, 1], [{ a: "1", b: "2" }, 2]);
    const { families } = aggregate([groupOf([counter])]);
    const values = valuesOf(families, "a_total").map(({ value }) => value);
    expect(values.toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  it("shows nothing of the protocol's own, and counts what it says", () => {
    const groups = [
      groupOf([], { instance: 1 }),
      groupOf([], { instance: 2, isClosed: true }),
      groupOf([counterFamily("a_total", [{}, 1])], { instance: 3, isTorn: true }),
      { ...groupOf([], { instance: 4, pushedAtSeconds: 0 }), families: [] },
      { ...groupOf([], { instance: 5 }), families: [] },
    ];
    const page = aggregate(groups);
    expect(page.families.map(({ name }) => name)).toEqual(["a_total"]);
    expect(page).toMatchObject({ environments: { live: 4, closed: 1 }, torn: 2 });
  });
});

describe("histograms", () => {
  const merged = (...samples: readonly HistogramSample[]) => {
    const groups = samples.map((sample, instance) =>
      groupOf([histogramFamily("h", sample)], { instance }),
    );
    const [histogram] = histogramsOf(aggregate(groups).families, "h");
    return histogram;
  };

  it("of one layout are added bucket by bucket", () => {
    const one = histogramOf({}, [1, 2], [0.5, 1.5, 9]);
    const other = histogramOf({}, [1, 2], [1.5]);
    expect(merged(one, other)).toEqual({
      labels: labelled(),
      buckets: [
        [1, 1],
        [2, 3],
        [Infinity, 4],
      ],
      sum: 12.5,
      count: 4,
    });
  });

  it("of different layouts are merged on the union of their bounds", () => {
    const coarse = histogramOf(
      {},
      [1],
      Array.from({ length: 10 }, () => 1),
    );
    const other = histogramOf({}, [2], [2, 2, 2]);
    expect(merged(coarse, other)?.buckets).toEqual([
      [1, 10],
      [2, 13],
      [Infinity, 13],
    ]);
  });

  it("with bounds of their own carry, at each, what their largest bound below it has", () => {
    fc.assert(
      fc.property(arbitraryGroups(), (groups) => {
        const { families } = aggregate(groups);
        for (const { labels, buckets, sum, count } of histogramsOf(families, "h")) {
          const own = groups
            .filter(({ key }) => key["component"] === labels["component"])
            .flatMap((group) => histogramsOf(group.families, "h"))
            .filter((sample) => sample.labels["l"] === labels["l"]);
          const bounds = own.flatMap((sample) => sample.buckets.map(([le]) => le));
          const union = [...new Set(bounds)].sort((a, b) => a - b);
          expect(buckets).toEqual(union.map((le) => [le, total(own.map((one) => below(one, le)))]));
          expect(count).toBe(total(own.map((one) => one.count)));
          expect(sum).toBe(exactTotal(own.map((one) => one.sum)));
        }
      }),
    );
  });

  it("never decrease from bound to bound, and end in their count", () => {
    fc.assert(
      fc.property(arbitraryGroups(), (groups) => {
        for (const { buckets, count } of histogramsOf(aggregate(groups).families, "h")) {
          const counts = buckets.map(([, value]) => value);
          expect(counts).toEqual(counts.toSorted((a, b) => a - b));
          expect(buckets.at(-1)).toEqual([Infinity, count]);
        }
      }),
    );
  });
});

describe("gauges", () => {
  const pushed = (values: readonly (readonly [value: number, atSeconds: number])[]) =>
    values.map(([value, pushedAtSeconds], instance) =>
      groupOf([gaugeFamily("g", [{}, value])], { instance, pushedAtSeconds }),
    );
  const gaugeOf = (groups: readonly Group[], options: AggregationOptions = {}) =>
    valuesOf(aggregate(groups, options).families, "g").map(({ value }) => value);

  it.each<[GaugeAggregation, number]>([
    ["sum", 12],
    ["avg", 4],
    ["min", 1],
    ["max", 8],
    ["last", 3],
  ])("are merged by the rule of their family: %s", (rule, value) => {
    const groups = pushed([
      [8, 998],
      [3, 999],
      [1, 997],
    ]);
    expect(gaugeOf(groups, { gaugeRule: (name) => (name === "g" ? rule : "max") })).toEqual([
      value,
    ]);
  });

  it("are added exactly, so in any order", () => {
    const groups = pushed([
      [0.1, 999],
      [0.2, 999],
      [0.3, 999],
    ]);
    expect(gaugeOf(groups, { gaugeRule: () => "sum" })).toEqual([0.6]);
    expect(gaugeOf(groups.toReversed(), { gaugeRule: () => "sum" })).toEqual([0.6]);
  });

  it("without a rule are those pushed last; of one moment, the one of the greater instance", () => {
    const groups = pushed([
      [1, 999],
      [2, 999],
      [3, 998],
    ]);
    expect(gaugeOf(groups)).toEqual([2]);
    expect(gaugeOf(groups.toReversed())).toEqual([2]);
  });

  it("are the last by how long ago they were pushed, where the clocks of Pushgateways differ", () => {
    const aggregation = createAggregation();
    const gauge = (value: number, instance: number, pushedAtSeconds: number) =>
      groupOf([gaugeFamily("g", [{}, value])], { instance, pushedAtSeconds });
    aggregation.add(gauge(1, 1, NOW - 5), NOW);
    aggregation.add(gauge(2, 2, NOW + 3_600 - 60), NOW + 3_600);
    expect(valuesOf(aggregation.result().families, "g").map(({ value }) => value)).toEqual([1]);
  });

  it("end with their lease: those of groups pushed longer ago don't count, counters do", () => {
    const old = groupOf([gaugeFamily("g", [{}, 1]), counterFamily("a_total", [{}, 1])], {
      pushedAtSeconds: NOW - 61,
    });
    const { families } = aggregate([old], { gaugeMaxAgeSeconds: 60 });
    expect(families.map(({ name }) => name)).toEqual(["a_total"]);
    expect(gaugeOf([old], { gaugeMaxAgeSeconds: 61 })).toEqual([1]);
  });
});

describe("families that claim one name", () => {
  const pushedAt = (pushedAtSeconds: number, family: MetricFamily) =>
    groupOf([family], { instance: pushedAtSeconds, pushedAtSeconds });

  it.each([
    ["x", gaugeFamily("x", [{}, 1]), counterFamily("x", [{}, 2])],
    ["x_count", histogramFamily("x", histogramOf({}, [1], [1])), counterFamily("x_count", [{}, 2])],
    ["x_bucket", histogramFamily("x", histogramOf({}, [1], [1])), gaugeFamily("x_bucket", [{}, 2])],
  ])("%s: the one pushed last is shown, and the other counted", (_name, one, other) => {
    for (const [older, newer] of [
      [one, other],
      [other, one],
    ] as const) {
      const groups = [pushedAt(998, older), pushedAt(999, newer)];
      const page = aggregate(groups);
      expect(page.families.map(({ name, type }) => [name, type])).toEqual([
        [newer.name, newer.type],
      ]);
      expect(page.conflicts).toBe(1);
      expect(aggregate(groups.toReversed())).toEqual(page);
    }
  });

  it("are shown with the help that was pushed last", () => {
    const family = counterFamily("a_total", [{}, 1]);
    const groups = [
      pushedAt(999, { ...family, help: "new" }),
      pushedAt(998, { ...family, help: "old" }),
    ];
    expect(aggregate(groups).families).toMatchObject([{ help: "new" }]);
    expect(aggregate(groups.toReversed()).families).toMatchObject([{ help: "new" }]);
  });

  it("are all kept in what is stored", () => {
    const groups = [
      pushedAt(998, histogramFamily("x", histogramOf({}, [1], [1]))),
      pushedAt(999, counterFamily("x_count", [{}, 2])),
    ];
    expect(fold(groups).map(({ name }) => name)).toEqual(["x", "x_count"]);
  });
});

function valuesOf(families: readonly MetricFamily[], name: string) {
  return families
    .filter((family) => family.name === name)
    .flatMap((family) => (family.type === "histogram" ? [] : family.samples));
}

function histogramsOf(families: readonly MetricFamily[], name: string): HistogramSample[] {
  return families
    .filter((family) => family.name === name)
    .flatMap((family) => (family.type === "histogram" ? family.samples : []));
}

/** Each number on a page that may never fall, by a name of its own. */
function numbersOf(families: readonly MetricFamily[]): Map<string, number> {
  const entries = families.flatMap((family) => {
    if (family.type === "gauge") return [];
    if (family.type !== "histogram")
      return family.samples.map(
        ({ labels, value }) => [seriesName(family.name, labels), value] as const,
      );
    return family.samples.flatMap(({ labels, buckets, sum, count }) => [
      ...buckets.map(
        ([le, value]) => [seriesName(family.name, labels, String(le)), value] as const,
      ),
      [seriesName(family.name, labels, "sum"), sum] as const,
      [seriesName(family.name, labels, "count"), count] as const,
    ]);
  });
  return new Map(entries);
}

function seriesName(name: string, labels: LabelSet, part = ""): string {
  return JSON.stringify([name, labels, part]);
}

function below({ buckets }: HistogramSample, le: number): number {
  return buckets.filter(([bound]) => bound <= le).at(-1)?.[1] ?? 0;
}

function total(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
