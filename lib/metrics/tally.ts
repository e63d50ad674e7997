/**
 * Exact totals of counters and histograms over many groups, by name, type and label set. A tally can
 * be stored and added to another, so what the ledger holds and what is live become one.
 */

import { sampleNames } from "./definition.ts";
import { addValue, exactSum, toStored, type ExactSum, type StoredSum } from "./exact-sum.ts";
import type { HistogramSample, LabelSet, MetricFamily, MetricType } from "./family.ts";
import { seriesKey, type PageSeries } from "./page/page-series.ts";

/** A family's totals; a gauge family has none, but takes part in who owns a name. */
export interface FamilyTally {
  readonly name: string;
  readonly type: MetricType;
  /** The text pushed last. */
  help: string;
  /** When any of it was pushed last, by its Pushgateway's clock, in seconds since the epoch. */
  pushedAtSeconds: number;
  readonly series: Map<string, SeriesTally>;
}

export interface SeriesTally {
  readonly labels: LabelSet;
  /** A counter's total. */
  counter?: ExactSum;
  /** A histogram's totals, one for each set of bounds that was pushed. */
  layouts?: Map<string, LayoutTally>;
}

export interface LayoutTally {
  /** Ascending, the last one `Infinity`. */
  readonly bounds: readonly number[];
  /** Cumulative, one a bound. */
  readonly counts: readonly ExactSum[];
  readonly sum: ExactSum;
}

/** A tally as plain JSON values; `Infinity` as a bound is left out, being always the last. */
export interface StoredFamily {
  readonly name: string;
  readonly type: "counter" | "histogram";
  readonly help: string;
  readonly pushedAtSeconds: number;
  readonly series: readonly StoredSeries[];
}

export interface StoredSeries {
  readonly labels: LabelSet;
  readonly counter?: StoredSum;
  readonly layouts?: readonly {
    readonly bounds: readonly number[];
    readonly counts: readonly StoredSum[];
    readonly sum: StoredSum;
  }[];
}

export interface Tally {
  readonly families: ReadonlyMap<string, FamilyTally>;
  /** Adds a family of one group. A gauge's values are not added up here. */
  add(
    family: MetricFamily,
    pageSeries: (own: LabelSet) => PageSeries,
    pushedAtSeconds: number,
  ): void;
  /** Adds a stored tally. */
  addStored(stored: readonly StoredFamily[]): void;
  /** The totals to store, in a deterministic order. */
  toStored(): StoredFamily[];
}

/** Opens a tally with nothing in it. */
export function createTally(): Tally {
  const families = new Map<string, FamilyTally>();

  const familyOf = (
    described: Pick<MetricFamily, "name" | "type" | "help">,
    pushedAtSeconds: number,
  ) => {
    const { name, type, help } = described;
    const key = `${name} ${type}`;
    let family = families.get(key);
    if (family === undefined) {
      family = { name, type, help, pushedAtSeconds, series: new Map() };
      families.set(key, family);
    } else if (isLater(pushedAtSeconds, help, family)) {
      family.pushedAtSeconds = pushedAtSeconds;
      family.help = help;
    }
    return family;
  };

  return {
    families,
    add(family, pageSeries, pushedAtSeconds) {
      const into = familyOf(family, pushedAtSeconds);
      if (family.type === "gauge") return;
      for (const sample of family.samples) {
        if ("buckets" in sample && !isWhole(sample)) continue;
        const series = seriesOf(into, pageSeries(sample.labels));
        if ("buckets" in sample) addHistogram(series, sample);
        else addValue((series.counter ??= exactSum()), sample.value);
      }
    },
    addStored(stored) {
      for (const family of stored) {
        const into = familyOf(family, family.pushedAtSeconds);
        for (const series of family.series) {
          const { labels } = series;
          addSeries(seriesOf(into, { labels, key: seriesKey(labels) }), series);
        }
      }
    },
    toStored() {
      return [...families.values()]
        .filter(({ type }) => type !== "gauge")
        .sort((a, b) => compareText(a.name, b.name) || compareText(a.type, b.type))
        .map(storeFamily);
    },
  };
}

/** The series of a family by label set, in a deterministic order. */
export function sortedSeries<T>(series: ReadonlyMap<string, T>): T[] {
  return [...series].sort(([a], [b]) => compareText(a, b)).map(([, one]) => one);
}

/**
 * The families to show, by name: where two claim one sample name, the one pushed last.
 */
export function settleConflicts(families: Iterable<FamilyTally>): FamilyTally[] {
  const byPush = [...families].sort(
    (a, b) =>
      b.pushedAtSeconds - a.pushedAtSeconds ||
      compareText(a.name, b.name) ||
      compareText(a.type, b.type),
  );
  const claimed = new Set<string>();
  const shown = byPush.filter((family) => {
    const names = sampleNames(family);
    const isFree = !names.some((name) => claimed.has(name));
    if (isFree) for (const name of names) claimed.add(name);
    return isFree;
  });
  return shown.sort((a, b) => compareText(a.name, b.name));
}

/** Orders texts by their code units, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Of two help texts pushed at once the greater counts, so that the order of reading is nothing. */
function isLater(pushedAtSeconds: number, help: string, than: FamilyTally): boolean {
  if (pushedAtSeconds !== than.pushedAtSeconds) return pushedAtSeconds > than.pushedAtSeconds;
  return help > than.help;
}

function seriesOf(family: FamilyTally, { labels, key }: PageSeries): SeriesTally {
  let series = family.series.get(key);
  if (series === undefined) family.series.set(key, (series = { labels }));
  return series;
}

function layoutOf(series: SeriesTally, bounds: readonly number[]): LayoutTally {
  series.layouts ??= new Map();
  const key = bounds.join();
  let layout = series.layouts.get(key);
  if (layout === undefined) {
    layout = { bounds, counts: bounds.map(() => exactSum()), sum: exactSum() };
    series.layouts.set(key, layout);
  }
  return layout;
}

/** Not so where a body was cut in the middle of it: `+Inf` and what comes after are 0 then. */
function isWhole({ buckets, count }: HistogramSample): boolean {
  const [last = 0, below = 0] = [buckets.at(-1)?.[1], buckets.at(-2)?.[1]];
  return count === last && count >= below;
}

function addHistogram(series: SeriesTally, { buckets, sum }: HistogramSample): void {
  let layout = layoutOfBuckets(series, buckets);
  layout ??= layoutOf(
    series,
    buckets.map(([le]) => le),
  );
  for (const [i, total] of layout.counts.entries()) addValue(total, buckets[i]?.[1] ?? 0);
  addValue(layout.sum, sum);
}

/** The layout with the bounds of these buckets, if it is known: nearly always, and the only one. */
function layoutOfBuckets(
  { layouts }: SeriesTally,
  buckets: HistogramSample["buckets"],
): LayoutTally | undefined {
  for (const layout of layouts?.values() ?? []) {
    const { bounds } = layout;
    const isSame = bounds.length === buckets.length;
    if (isSame && bounds.every((le, i) => le === buckets[i]?.[0])) return layout;
  }
  return undefined;
}

function addSeries(into: SeriesTally, stored: StoredSeries): void {
  if (stored.counter !== undefined) addParts((into.counter ??= exactSum()), stored.counter);
  for (const { bounds, counts, sum } of stored.layouts ?? []) {
    const layout = layoutOf(into, [...bounds, Infinity]);
    for (const [i, total] of layout.counts.entries()) addParts(total, counts[i] ?? []);
    addParts(layout.sum, sum);
  }
}

function addParts(sum: ExactSum, parts: StoredSum): void {
  for (const part of parts) addValue(sum, part);
}

function storeFamily(family: FamilyTally): StoredFamily {
  const { name, type, help, pushedAtSeconds } = family;
  const series = sortedSeries(family.series).map(storeSeries);
  return {
    name,
    type: type === "histogram" ? "histogram" : "counter",
    help,
    pushedAtSeconds,
    series,
  };
}

function storeSeries({ labels, counter, layouts }: SeriesTally): StoredSeries {
  if (counter !== undefined) return { labels, counter: toStored(counter) };
  const stored = sortedSeries(layouts ?? new Map<string, LayoutTally>()).map(
    ({ bounds, counts, sum }) => ({
      bounds: bounds.slice(0, -1),
      counts: counts.map(toStored),
      sum: toStored(sum),
    }),
  );
  return { labels, layouts: stored };
}
