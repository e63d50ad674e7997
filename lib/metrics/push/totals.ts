/**
 * An environment's totals: what its invocations recorded, as three sums a series that are added and
 * never subtracted. *Acknowledged* is on the Pushgateway, *in flight* is in the push under way, and
 * *pending* has yet to be pushed.
 */

import { addAmount, cumulativeCounts, zeroAmount, type Amount } from "../amount.ts";
import type { MetricDefinition } from "../definition.ts";
import type { Admission } from "../record/definitions.ts";
import { roundSum } from "../exact-sum.ts";
import type { LabelSet } from "../family.ts";
import type { RecordedFamily } from "../record/invocation-registry.ts";
import { formatHeader, formatHistogramSeries, formatSeries, formatValue } from "./sample-lines.ts";

export interface Totals {
  /** Makes a series with value 0, unless it is there. */
  initialise(admission: Admission): void;
  /** Adds what an invocation recorded to the pending sums; a gauge's value replaces the last. */
  merge(recorded: RecordedFamily): void;
  /** Moves the pending sums of these families in flight. Ends with `settle`. @returns how many. */
  take(isIncluded: (family: string) => boolean): number;
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

interface Series {
  readonly labels: LabelSet;
  /**
   * Each line but its value; a histogram's are its buckets, `_sum` and `_count`. Made at the first
   * push, for which neither a cold start nor a response waits.
   */
  lineStarts: readonly string[] | undefined;
  acknowledged: Amount;
  inFlight: Amount | undefined;
  pending: Amount | undefined;
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
    initialise({ definition, key, labels }) {
      const family = familyOf(definition);
      if (!family.series.has(key)) addSeries(family, key, labels);
    },
    merge({ definition, series: recorded }) {
      const family = familyOf(definition);
      for (const { key, labels, amount, gauge } of recorded.values()) {
        const series = family.series.get(key) ?? addSeries(family, key, labels);
        if (definition.type === "gauge") {
          series.gauge = gauge;
          changed(family, series);
        } else if (series.pending === undefined) series.pending = amount;
        else addAmount(series.pending, amount);
      }
    },
    take(isIncluded) {
      let samples = 0;
      for (const family of families.values()) {
        if (!isIncluded(family.definition.name)) continue;
        for (const series of family.series.values()) {
          if (series.pending === undefined) continue;
          series.inFlight = series.pending;
          series.pending = undefined;
          samples += 1;
          changed(family, series);
        }
      }
      return samples;
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
          series.acknowledged = zeroAmount(family.definition);
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

function addSeries(family: FamilyTotals, key: string, labels: LabelSet): Series {
  const { definition } = family;
  const series: Series = {
    labels,
    lineStarts: undefined,
    acknowledged: zeroAmount(definition),
    inFlight: undefined,
    pending: undefined,
    gauge: 0,
    text: undefined,
  };
  family.series.set(key, series);
  family.text = undefined;
  return series;
}

function settleSeries(family: FamilyTotals, series: Series, inFlight: Amount, fate: Fate): void {
  series.inFlight = undefined;
  if (fate === "acknowledged") {
    addAmount(series.acknowledged, inFlight);
    return;
  }
  if (fate === "pending") {
    if (series.pending === undefined) series.pending = inFlight;
    else addAmount(series.pending, inFlight);
  }
  changed(family, series);
}

function lineStartsOf(definition: MetricDefinition, labels: LabelSet): string[] {
  const { name, type, buckets = [] } = definition;
  const starts =
    type === "histogram"
      ? formatHistogramSeries(name, labels, buckets)
      : [formatSeries(name, labels)];
  return starts.map((start) => `${start} `);
}

function lineCount(definition: MetricDefinition): number {
  return definition.type === "histogram" ? (definition.buckets?.length ?? 0) + 3 : 1;
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
  series.lineStarts ??= lineStartsOf(definition, series.labels);
  let text = "";
  for (const [i, start] of series.lineStarts.entries()) {
    text += `${start}${formatValue(values[i] ?? 0)}\n`;
  }
  return text;
}

/** The value of each line: acknowledged plus in flight, rounded once. */
function valuesOf(definition: MetricDefinition, series: Series): number[] {
  if (definition.type === "gauge") return [series.gauge];
  let amount = series.acknowledged;
  if (series.inFlight !== undefined) {
    amount = zeroAmount(definition);
    addAmount(amount, series.acknowledged);
    addAmount(amount, series.inFlight);
  }
  const sum = roundSum(amount.sum);
  if (definition.type === "counter") return [sum];
  const counts = cumulativeCounts(amount);
  return [...counts, sum, counts.at(-1) ?? 0];
}
