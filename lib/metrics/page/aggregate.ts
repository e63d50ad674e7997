/**
 * Adds up the groups of many environments, and what the ledger holds of former ones, into the
 * families of one page. Sums are exact, so a page does not depend on the order of reading.
 */

import type { GaugeAggregation } from "../definition.ts";
import { addSum, addValue, exactSum, roundSum, type ExactSum } from "../exact-sum.ts";
import type { Group, HistogramSample, LabelSet, MetricFamily, ValueSample } from "../family.ts";
import { createPageSeries, type PageSeries } from "./page-series.ts";
import { CLOSED, PAYLOAD_SAMPLES, PROTOCOL_FAMILIES } from "../push/payload.ts";
import {
  createTally,
  settleConflicts,
  sortedSeries,
  type LayoutTally,
  type SeriesTally,
  type StoredFamily,
} from "../tally.ts";

export interface AggregationOptions {
  /** The rule for a gauge, by its family's name. Default `last`. */
  readonly gaugeRule?: (name: string) => GaugeAggregation;
  /** Gauges of groups last pushed longer ago than this don't count, in seconds. Default 1200. */
  readonly gaugeMaxAgeSeconds?: number;
}

export interface Aggregated {
  /** By name; the samples of each by label set, a histogram's buckets by bound. */
  readonly families: MetricFamily[];
  readonly environments: { readonly live: number; readonly closed: number };
  /** Families left off the page, since a family pushed later claims one of their names. */
  readonly conflicts: number;
  /** Groups whose body was cut on its way. */
  readonly torn: number;
}

export interface Aggregation {
  /** Adds a group. @param takenAtSeconds its Pushgateway's clock when it was read. */
  add(group: Group, takenAtSeconds: number): void;
  /** Adds totals of groups that are no more. */
  addStored(stored: readonly StoredFamily[]): void;
  result(): Aggregated;
}

const DEFAULT_GAUGE_MAX_AGE_SECONDS = 20 * 60;

/** Whether a group says that nothing more will be pushed to it. */
export function isClosed(group: Group): boolean {
  return group.families.some(
    ({ name, samples: [sample] }) =>
      name === CLOSED && sample !== undefined && "value" in sample && sample.value === 1,
  );
}

/**
 * Whether a group's body was cut on its way, as a Pushgateway before 1.6.0 takes for whole: it does
 * not end in its sample count. One that was only ever refused has nothing in it.
 */
export function isTorn({ families, pushedAtSeconds }: Group): boolean {
  return pushedAtSeconds > 0 && !families.some(({ name }) => name === PAYLOAD_SAMPLES);
}

interface GaugeSum {
  readonly labels: LabelSet;
  readonly sum: ExactSum;
  count: number;
  min: number;
  max: number;
  last: number;
  lastPush: Push;
}

/** Orders values by when they were pushed, and those of one moment by their instance. */
interface Push {
  /** Before the snapshots, so below 0: the clocks of Pushgateways need not agree. */
  readonly atSeconds: number;
  readonly instance: string;
}

/** Opens an aggregation with nothing in it. */
export function createAggregation(options: AggregationOptions = {}): Aggregation {
  const { gaugeRule = () => "last" } = options;
  const { gaugeMaxAgeSeconds = DEFAULT_GAUGE_MAX_AGE_SECONDS } = options;
  const tally = createTally();
  const pageSeries = createPageSeries();
  const gauges = new Map<string, Map<string, GaugeSum>>();
  const environments = { live: 0, closed: 0 };
  let torn = 0;

  const addGauges = (family: MetricFamily, seriesOf: (own: LabelSet) => PageSeries, push: Push) => {
    let series = gauges.get(family.name);
    if (series === undefined) gauges.set(family.name, (series = new Map()));
    for (const sample of family.samples) {
      if ("value" in sample) addGauge(series, seriesOf(sample.labels), sample.value, push);
    }
  };

  return {
    addStored: (stored) => tally.addStored(stored),
    add(group, takenAtSeconds) {
      const { key, families, pushedAtSeconds } = group;
      environments[isClosed(group) ? "closed" : "live"] += 1;
      if (isTorn(group)) torn += 1;
      const areGaugesStale = takenAtSeconds - pushedAtSeconds > gaugeMaxAgeSeconds;
      const seriesOf = pageSeries(group);
      const atSeconds = pushedAtSeconds - takenAtSeconds;
      const push = { atSeconds, instance: key["instance"] ?? "" };
      for (const family of families) {
        if (PROTOCOL_FAMILIES.has(family.name)) continue;
        if (family.type === "gauge" && areGaugesStale) continue;
        tally.add(family, seriesOf, pushedAtSeconds);
        if (family.type === "gauge") addGauges(family, seriesOf, push);
      }
    },
    result() {
      const shown = settleConflicts(tally.families.values());
      const families = shown.map(({ name, help, type, series }): MetricFamily => {
        if (type === "gauge") {
          const values = sortedSeries(gauges.get(name) ?? new Map<string, GaugeSum>());
          const rule = gaugeRule(name);
          return { name, help, type, samples: values.map((gauge) => toGauge(gauge, rule)) };
        }
        const sums = sortedSeries(series);
        if (type === "histogram") return { name, help, type, samples: sums.map(toHistogram) };
        return { name, help, type, samples: sums.map(toCounter) };
      });
      return { families, environments, conflicts: tally.families.size - shown.length, torn };
    },
  };
}

function addGauge(
  series: Map<string, GaugeSum>,
  { labels, key }: PageSeries,
  value: number,
  push: Push,
): void {
  let gauge = series.get(key);
  if (gauge === undefined) {
    const none = { atSeconds: -Infinity, instance: "" };
    gauge = {
      labels,
      sum: exactSum(),
      count: 0,
      min: value,
      max: value,
      last: value,
      lastPush: none,
    };
    series.set(key, gauge);
  }
  addValue(gauge.sum, value);
  gauge.count += 1;
  gauge.min = Math.min(gauge.min, value);
  gauge.max = Math.max(gauge.max, value);
  if (!isAfter(push, gauge.lastPush)) return;
  gauge.last = value;
  gauge.lastPush = push;
}

function isAfter(a: Push, b: Push): boolean {
  return a.atSeconds === b.atSeconds ? a.instance > b.instance : a.atSeconds > b.atSeconds;
}

function toGauge(gauge: GaugeSum, rule: GaugeAggregation): ValueSample {
  const { labels, sum, count, min, max, last } = gauge;
  const values = { sum: roundSum(sum), avg: roundSum(sum) / count, min, max, last };
  return { labels, value: values[rule] };
}

function toCounter({ labels, counter = exactSum() }: SeriesTally): ValueSample {
  return { labels, value: roundSum(counter) };
}

/**
 * Merges layouts on the union of their bounds. Each carries the count of its largest own bound below
 * a foreign one, so no bucket ever decreases when a layout appears; `+Inf`, sum and count are exact.
 */
function toHistogram({ labels, layouts = new Map() }: SeriesTally): HistogramSample {
  const all = [...layouts.values()];
  const union = [...new Set(all.flatMap(({ bounds }) => bounds))].sort((a, b) => a - b);
  const sum = exactSum();
  for (const layout of all) addSum(sum, layout.sum);
  const buckets = union.map((le) => [le, countBelow(all, le)] as const);
  return { labels, buckets, sum: roundSum(sum), count: buckets.at(-1)?.[1] ?? 0 };
}

function countBelow(layouts: readonly LayoutTally[], le: number): number {
  const total = exactSum();
  for (const { bounds, counts } of layouts) {
    const count = counts[bounds.findLastIndex((bound) => bound <= le)];
    if (count !== undefined) addSum(total, count);
  }
  return roundSum(total);
}
