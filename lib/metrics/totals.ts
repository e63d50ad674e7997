/**
 * An environment's totals: what its invocations recorded, as three sums a series that are added and
 * never subtracted. *Acknowledged* is on the Pushgateway, *in flight* is in the push under way, and
 * *pending* has yet to be pushed.
 */

import type { MetricDefinition } from "./definition.ts";
import { addSum, addValue, exactSum, roundSum, type ExactSum } from "./exact-sum.ts";
import type { LabelSet, MetricFamily } from "./family.ts";
import { formatHeader, formatHistogramSeries, formatSeries, formatValue } from "./sample-lines.ts";

export interface Totals {
  /** Makes a series with value 0, unless it is there. */
  initialise(definition: MetricDefinition, labels: LabelSet): void;
  /** Adds what an invocation recorded to the pending sums; a gauge's value replaces the last. */
  merge(definition: MetricDefinition, family: MetricFamily): void;
  /** Moves the pending sums of these families in flight. Ends with `settle`. */
  take(isIncluded: (family: string) => boolean): void;
  /** Ends the flight of these families; says how many samples that were. */
  settle(fate: Fate, isIncluded?: (family: string) => boolean): number;
  /** A new incarnation: nothing is acknowledged under its id yet. Nothing may be in flight. */
  startOver(): void;
  /** Every family as exposition text, acknowledged and in flight added up and rounded once. */
  format(): FormattedFamily[];
}

/**
 * What became of sums in flight: they arrived; they certainly did not, and are pending again; or
 * nobody knows, and a parked payload is left to settle them.
 */
export type Fate = "acknowledged" | "pending" | "surrendered";

export interface FormattedFamily {
  readonly name: string;
  readonly text: string;
  /** Sample lines in the text. */
  readonly samples: number;
}

type Sums = ExactSum[];

interface Series {
  readonly labels: LabelSet;
  /** Each line but its value; a histogram's are its buckets, `_sum` and `_count`. */
  readonly lineStarts: readonly string[];
  acknowledged: Sums;
  inFlight: Sums | undefined;
  pending: Sums | undefined;
  gauge: number;
  text: string | undefined;
}

interface FamilyTotals {
  readonly definition: MetricDefinition;
  readonly header: string;
  readonly series: Map<string, Series>;
  text: string | undefined;
}

/** Opens totals with nothing in them. */
export function createTotals(): Totals {
  const families = new Map<string, FamilyTotals>();

  const familyOf = (definition: MetricDefinition): FamilyTotals => {
    const known = families.get(definition.name);
    if (known !== undefined) return known;
    const { name, type, help } = definition;
    const header = formatHeader(name, type, help);
    const family = { definition, header, series: new Map(), text: undefined };
    families.set(name, family);
    return family;
  };

  return {
    initialise(definition, labels) {
      seriesOf(familyOf(definition), labels);
    },
    merge(definition, recorded) {
      const family = familyOf(definition);
      for (const sample of recorded.samples) {
        const series = seriesOf(family, sample.labels);
        if (recorded.type === "gauge" && "value" in sample) {
          series.gauge = sample.value;
          changed(family, series);
        } else {
          series.pending ??= zeroSums(definition);
          addSample(series.pending, sample);
        }
      }
    },
    take(isIncluded) {
      for (const family of families.values()) {
        if (!isIncluded(family.definition.name)) continue;
        for (const series of family.series.values()) {
          if (series.pending === undefined) continue;
          series.inFlight = series.pending;
          series.pending = undefined;
          changed(family, series);
        }
      }
    },
    settle(fate, isIncluded = () => true) {
      let samples = 0;
      for (const family of families.values()) {
        if (!isIncluded(family.definition.name)) continue;
        for (const series of family.series.values()) {
          if (series.inFlight === undefined) continue;
          settleSeries(family, series, series.inFlight, fate);
          samples += 1;
        }
      }
      return samples;
    },
    startOver() {
      for (const family of families.values()) {
        for (const series of family.series.values()) {
          series.acknowledged = zeroSums(family.definition);
          changed(family, series);
        }
      }
    },
    format() {
      const formatted: FormattedFamily[] = [];
      for (const family of families.values()) {
        if (family.series.size === 0) continue;
        const samples = family.series.size * lineCount(family.definition);
        formatted.push({ name: family.definition.name, text: formatFamily(family), samples });
      }
      return formatted;
    },
  };
}

/** A series' key: its label values in the definition's order. */
export function labelKey(definition: MetricDefinition, labels: LabelSet): string {
  const names = definition.labels;
  if (names === undefined || names.length === 0) return "";
  if (names.length === 1) return labels[names[0] ?? ""] ?? "";
  let key = "";
  for (const name of names) key += `${labels[name]}\u0000`;
  return key;
}

function seriesOf(family: FamilyTotals, labels: LabelSet): Series {
  const { definition } = family;
  const key = labelKey(definition, labels);
  const known = family.series.get(key);
  if (known !== undefined) return known;
  const series: Series = {
    labels,
    lineStarts: lineStartsOf(definition, labels),
    acknowledged: zeroSums(definition),
    inFlight: undefined,
    pending: undefined,
    gauge: 0,
    text: undefined,
  };
  family.series.set(key, series);
  family.text = undefined;
  return series;
}

function settleSeries(family: FamilyTotals, series: Series, inFlight: Sums, fate: Fate): void {
  series.inFlight = undefined;
  if (fate === "acknowledged") {
    addAll(series.acknowledged, inFlight);
    return;
  }
  if (fate === "pending") {
    series.pending = series.pending === undefined ? inFlight : addAll(inFlight, series.pending);
  }
  changed(family, series);
}

function lineStartsOf(definition: MetricDefinition, labels: LabelSet): string[] {
  const { name, type, buckets = [] } = definition;
  const ordered: Record<string, string> = {};
  for (const label of definition.labels ?? []) ordered[label] = labels[label] ?? "";
  const starts =
    type === "histogram"
      ? formatHistogramSeries(name, ordered, buckets)
      : [formatSeries(name, ordered)];
  return starts.map((start) => `${start} `);
}

/** One sum for a counter; for a histogram one a bucket, `+Inf` included, then `_sum`. */
function zeroSums(definition: MetricDefinition): Sums {
  if (definition.type === "gauge") return [];
  const size = definition.type === "counter" ? 1 : (definition.buckets?.length ?? 0) + 2;
  return Array.from({ length: size }, () => exactSum());
}

function lineCount(definition: MetricDefinition): number {
  return definition.type === "histogram" ? (definition.buckets?.length ?? 0) + 3 : 1;
}

function addSample(sums: Sums, sample: MetricFamily["samples"][number]): void {
  if ("value" in sample) {
    const [sum] = sums;
    if (sum !== undefined) addValue(sum, sample.value);
    return;
  }
  for (const [i, [, count]] of sample.buckets.entries()) {
    const sum = sums[i];
    if (sum !== undefined) addValue(sum, count);
  }
  const total = sums.at(-1);
  if (total !== undefined) addValue(total, sample.sum);
}

function addAll(into: Sums, from: Sums): Sums {
  for (const [i, sum] of into.entries()) {
    const other = from[i];
    if (other !== undefined) addSum(sum, other);
  }
  return into;
}

function changed(family: FamilyTotals, series: Series): void {
  family.text = undefined;
  series.text = undefined;
}

function formatFamily(family: FamilyTotals): string {
  if (family.text !== undefined) return family.text;
  let text = family.header;
  for (const series of family.series.values()) {
    series.text ??= formatLines(family.definition, series);
    text += series.text;
  }
  family.text = text;
  return text;
}

function formatLines(definition: MetricDefinition, series: Series): string {
  const values = valuesOf(definition, series);
  let text = "";
  for (const [i, start] of series.lineStarts.entries()) {
    text += `${start}${formatValue(values[i] ?? 0)}\n`;
  }
  return text;
}

/** The value of each line: acknowledged plus in flight, rounded once. */
function valuesOf(definition: MetricDefinition, series: Series): number[] {
  if (definition.type === "gauge") return [series.gauge];
  const values = series.acknowledged.map((sum, i) => {
    const more = series.inFlight?.[i];
    if (more === undefined) return roundSum(sum);
    const both = exactSum();
    addSum(both, sum);
    addSum(both, more);
    return roundSum(both);
  });
  // A histogram's last line, `_count`, repeats its `+Inf` bucket.
  return definition.type === "histogram" ? [...values, values.at(-2) ?? 0] : values;
}
