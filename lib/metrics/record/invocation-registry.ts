/**
 * The registry of one invocation: what it recorded, family by family. It is shown through prom-client;
 * it is kept here, since making prom-client's metrics anew costs an invocation more than all the rest,
 * and since prom-client takes the label sets {a="1,b:2",b="3"} and {a="1",b="2,b:3"} for one.
 */

import type { Metric } from "prom-client";
import Registry from "prom-client/lib/registry.js";
import { cumulativeCounts, observeValue, zeroAmount, type Amount } from "../amount.ts";
import type { MetricDefinition } from "../definition.ts";
import type { Admission } from "./definitions.ts";
import { roundSum } from "../exact-sum.ts";
import type { LabelSet } from "../family.ts";

/** One series of a family: a gauge's value or what was counted. */
export interface RecordedSeries {
  readonly key: string;
  readonly labels: LabelSet;
  /** Counters and histograms. */
  readonly amount: Amount;
  /** Gauges: the value set last. */
  gauge: number;
}

/** What one invocation recorded in one family, by label set. */
export interface RecordedFamily {
  readonly definition: MetricDefinition;
  readonly series: ReadonlyMap<string, RecordedSeries>;
}

export interface InvocationRegistry {
  /** Records a value that was found good. */
  record(admission: Admission, value: number): void;
  /** Everything recorded since the last call; the registry starts over. */
  collect(): Iterable<RecordedFamily>;
  /** The Prometheus text format 0.0.4, as prom-client writes it. */
  metrics(): Promise<string>;
}

/** Opens a registry with nothing in it. */
export function createInvocationRegistry(): InvocationRegistry {
  let families = new Map<MetricDefinition, Map<string, RecordedSeries>>();

  return {
    record({ definition, key, labels }, value) {
      let family = families.get(definition);
      if (family === undefined) families.set(definition, (family = new Map()));
      let series = family.get(key);
      if (series === undefined) {
        series = { key, labels, amount: zeroAmount(definition), gauge: 0 };
        family.set(key, series);
      }
      if (definition.type === "gauge") series.gauge = value;
      else observeValue(definition, series.amount, value);
    },
    collect() {
      const recorded = [...families].map(([definition, series]) => ({ definition, series }));
      families = new Map();
      return recorded;
    },
    metrics() {
      const registry = new Registry();
      for (const [definition, series] of families) {
        registry.registerMetric(toPromMetric(definition, [...series.values()]));
      }
      return registry.metrics();
    },
  };
}

/** prom-client asks a metric for its values only by `get`. */
function toPromMetric(definition: MetricDefinition, series: readonly RecordedSeries[]): Metric {
  const { name, help, type } = definition;
  const values = series.flatMap((one) => toPromValues(definition, one));
  const get = () => Promise.resolve({ name, help, type, values, aggregator: "sum" });
  return { name, get } as unknown as Metric;
}

interface PromValue {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

function toPromValues(
  definition: MetricDefinition,
  { labels, amount, gauge }: RecordedSeries,
): PromValue[] {
  const { name, type, buckets = [] } = definition;
  if (type === "gauge") return [{ labels, value: gauge }];
  const sum = roundSum(amount.sum);
  if (type === "counter") return [{ labels, value: sum }];
  const counts = cumulativeCounts(amount);
  return [
    ...counts.map((value, i) => ({
      metricName: `${name}_bucket`,
      labels: { le: buckets[i] ?? "+Inf", ...labels },
      value,
    })),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: counts.at(-1) ?? 0 },
  ];
}
