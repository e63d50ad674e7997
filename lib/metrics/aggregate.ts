/**
 * Adds up the groups of many environments into the families of one page. Sums are exact, so a page
 * does not depend on the order in which groups are read.
 */

import type { GaugeAggregation } from "./definition.ts";
import { sampleNames } from "./definition.ts";
import { addValue, exactSum, roundSum, type ExactSum } from "./exact-sum.ts";
import type {
  Group,
  HistogramSample,
  LabelSet,
  MetricFamily,
  MetricType,
  ValueSample,
} from "./family.ts";
import { formatSeries } from "./sample-lines.ts";
import { CLOSED, PAYLOAD_SAMPLES, PROTOCOL_FAMILIES } from "./payload.ts";

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
  /** Families left off the page, since a family pushed later has their name and another type. */
  readonly conflicts: number;
  /** Groups whose body was cut on its way. */
  readonly torn: number;
}

export interface Aggregation {
  /** Adds a group. @param takenAtSeconds its Pushgateway's clock when it was read. */
  add(group: Group, takenAtSeconds: number): void;
  result(): Aggregated;
}

/** Our incarnations' ids; anyone else's group on a shared Pushgateway is left alone. */
const INSTANCE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const DEFAULT_GAUGE_MAX_AGE_SECONDS = 20 * 60;

/** Whether a group is one of ours, by its grouping key. */
export function isOurs(key: LabelSet): boolean {
  return INSTANCE.test(key["instance"] ?? "");
}

interface FamilySum {
  readonly name: string;
  readonly type: MetricType;
  help: string;
  pushedAtSeconds: number;
  readonly series: Map<string, SeriesSum>;
}

interface SeriesSum {
  readonly labels: LabelSet;
  counter?: ExactSum;
  gauge?: GaugeSum;
  /** One sum for each set of bounds that was pushed. */
  layouts?: Map<string, HistogramSum>;
}

interface GaugeSum {
  readonly sum: ExactSum;
  count: number;
  min: number;
  max: number;
  last: number;
  lastRank: string;
}

interface HistogramSum {
  readonly bounds: readonly number[];
  readonly counts: readonly ExactSum[];
  readonly sum: ExactSum;
}

/** Opens an aggregation with nothing in it. */
export function createAggregation(options: AggregationOptions = {}): Aggregation {
  const { gaugeRule = () => "last" } = options;
  const { gaugeMaxAgeSeconds = DEFAULT_GAUGE_MAX_AGE_SECONDS } = options;
  const families = new Map<string, FamilySum>();
  const environments = { live: 0, closed: 0 };
  let torn = 0;

  return {
    add(group, takenAtSeconds) {
      if (!isOurs(group.key)) return;
      environments[isClosed(group) ? "closed" : "live"] += 1;
      if (isTorn(group)) torn += 1;
      const isStale = takenAtSeconds - group.pushedAtSeconds > gaugeMaxAgeSeconds;
      for (const family of group.families) {
        if (PROTOCOL_FAMILIES.has(family.name) || (family.type === "gauge" && isStale)) continue;
        addFamily(families, family, group);
      }
    },
    result() {
      const shown = settleConflicts([...families.values()]);
      return {
        families: shown.map((family) => toFamily(family, gaugeRule(family.name))),
        environments,
        conflicts: families.size - shown.length,
        torn,
      };
    },
  };
}

function isClosed(group: Group): boolean {
  return group.families.some(
    ({ name, samples: [sample] }) =>
      name === CLOSED && sample !== undefined && "value" in sample && sample.value === 1,
  );
}

/** A group with nothing in it was refused from the start; any other ends in its sample count. */
function isTorn(group: Group): boolean {
  const { families } = group;
  return families.length > 0 && !families.some(({ name }) => name === PAYLOAD_SAMPLES);
}

function addFamily(families: Map<string, FamilySum>, family: MetricFamily, group: Group): void {
  const { name, type, help } = family;
  const key = `${name} ${type}`;
  let into = families.get(key);
  if (into === undefined) {
    into = { name, type, help, pushedAtSeconds: group.pushedAtSeconds, series: new Map() };
    families.set(key, into);
  }
  if (isLater(group.pushedAtSeconds, help, into)) {
    into.pushedAtSeconds = group.pushedAtSeconds;
    into.help = help;
  }
  for (const sample of family.samples) {
    const series = seriesOf(into, sample.labels, group.key);
    if ("buckets" in sample) addHistogram(series, sample);
    else if (type === "counter") addValue((series.counter ??= exactSum()), sample.value);
    else addGauge(series, sample.value, group);
  }
}

/** The help text pushed last is shown; of two pushed at once the greater, so that order is nothing. */
function isLater(pushedAtSeconds: number, help: string, than: FamilySum): boolean {
  if (pushedAtSeconds !== than.pushedAtSeconds) return pushedAtSeconds > than.pushedAtSeconds;
  return help > than.help;
}

/**
 * `job` becomes `service`; `instance` is summed away, and stands empty so that Prometheus does not
 * put the scrape's address there.
 */
function seriesOf(family: FamilySum, own: LabelSet, groupKey: LabelSet): SeriesSum {
  const { job = "", instance: _instance, ...others } = groupKey;
  const all: Record<string, string> = { ...own, ...others, service: job, instance: "" };
  const labels: Record<string, string> = {};
  for (const name of Object.keys(all).sort()) labels[name] = all[name] ?? "";
  const key = formatSeries("", labels);
  let series = family.series.get(key);
  if (series === undefined) {
    series = { labels };
    family.series.set(key, series);
  }
  return series;
}

function addHistogram(series: SeriesSum, sample: HistogramSample): void {
  const bounds = sample.buckets.map(([le]) => le);
  const layout = bounds.join();
  series.layouts ??= new Map();
  let into = series.layouts.get(layout);
  if (into === undefined) {
    into = { bounds, counts: bounds.map(() => exactSum()), sum: exactSum() };
    series.layouts.set(layout, into);
  }
  for (const [i, sum] of into.counts.entries()) addValue(sum, sample.buckets[i]?.[1] ?? 0);
  addValue(into.sum, sample.sum);
}

function addGauge(series: SeriesSum, value: number, group: Group): void {
  series.gauge ??= {
    sum: exactSum(),
    count: 0,
    min: Infinity,
    max: -Infinity,
    last: NaN,
    lastRank: "",
  };
  const gauge = series.gauge;
  addValue(gauge.sum, value);
  gauge.count += 1;
  gauge.min = Math.min(gauge.min, value);
  gauge.max = Math.max(gauge.max, value);
  const rank = `${group.pushedAtSeconds.toFixed(9).padStart(24, "0")} ${group.key["instance"]}`;
  if (rank < gauge.lastRank) return;
  gauge.last = value;
  gauge.lastRank = rank;
}

/** The families to show, by name: of two that claim one sample name, the one pushed last. */
function settleConflicts(families: FamilySum[]): FamilySum[] {
  const claimed = new Set<string>();
  const shown: FamilySum[] = [];
  const byPush = families.sort(
    (a, b) =>
      b.pushedAtSeconds - a.pushedAtSeconds || compare(a.name, b.name) || compare(a.type, b.type),
  );
  for (const family of byPush) {
    const names = sampleNames(family);
    if (names.some((name) => claimed.has(name))) continue;
    for (const name of names) claimed.add(name);
    shown.push(family);
  }
  return shown.sort((a, b) => compare(a.name, b.name));
}

function toFamily(family: FamilySum, rule: GaugeAggregation): MetricFamily {
  const { name, help, type } = family;
  const series = [...family.series].sort(([a], [b]) => compare(a, b)).map(([, sum]) => sum);
  if (type === "histogram") return { name, help, type, samples: series.map(toHistogram) };
  return { name, help, type, samples: series.map((sum) => toValue(sum, rule)) };
}

function toValue({ labels, counter, gauge }: SeriesSum, rule: GaugeAggregation): ValueSample {
  if (counter !== undefined) return { labels, value: roundSum(counter) };
  return { labels, value: gauge === undefined ? 0 : gaugeValue(gauge, rule) };
}

function gaugeValue(gauge: GaugeSum, rule: GaugeAggregation): number {
  const values = {
    sum: () => roundSum(gauge.sum),
    avg: () => roundSum(gauge.sum) / gauge.count,
    min: () => gauge.min,
    max: () => gauge.max,
    last: () => gauge.last,
  };
  return values[rule]();
}

/**
 * Merges layouts on the union of their bounds. Each carries the count of its largest own bound below
 * a foreign one, so no bucket ever decreases when a layout appears; `+Inf`, sum and count are exact.
 */
function toHistogram({ labels, layouts = new Map() }: SeriesSum): HistogramSample {
  const all = [...layouts.values()];
  const union = [...new Set(all.flatMap(({ bounds }) => bounds))].sort((a, b) => a - b);
  const sum = exactSum();
  for (const layout of all) {
    for (const part of [layout.sum.integer, ...layout.sum.partials]) addValue(sum, part);
  }
  const buckets = union.map((le) => [le, countBelow(all, le)] as const);
  return { labels, buckets, sum: roundSum(sum), count: buckets.at(-1)?.[1] ?? 0 };
}

function countBelow(layouts: readonly HistogramSum[], le: number): number {
  const total = exactSum();
  for (const { bounds, counts } of layouts) {
    const count = counts[bounds.findLastIndex((bound) => bound <= le)];
    if (count !== undefined) addValue(total, roundSum(count));
  }
  return roundSum(total);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
