/**
 * What a handler records with: counters, gauges, histograms and timers, on a prom-client registry of
 * its own invocation. Nothing here ever throws into a handler, unless strict mode was asked for.
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { refuseValue, type MetricDefinition, type Refusal } from "./definition.ts";
import type { Definitions } from "./definitions.ts";
import type { HistogramSample, LabelSet, MetricFamily, MetricType, ValueSample } from "./family.ts";

export interface MetricsClient {
  /** Adds to a counter. `name` gets `_total` if it lacks it. @param value at least 0; default 1. */
  increment(name: string, value?: number, labels?: LabelSet): void;
  /** Sets a gauge. @param value any finite number. */
  gauge(name: string, value: number, labels?: LabelSet): void;
  /** Observes a value. @param value at least 0, in the unit that the name ends in. */
  histogram(name: string, value: number, labels?: LabelSet): void;
  /**
   * Starts a timer for a histogram. The returned function stops it, observes the time since and
   * returns it: in milliseconds when the name ends in `_milliseconds`, else in seconds. Labels given
   * at the stop are added to those given here.
   */
  timer(name: string, labels?: LabelSet): (labels?: LabelSet) => number;
  /** This invocation's own metrics in the Prometheus text format 0.0.4. */
  generateMetrics(): Promise<string>;
}

/** The client as its environment sees it. */
export interface InvocationMetrics extends MetricsClient {
  /** What was recorded since the last call, by definition. */
  collect(): Promise<Recorded[]>;
}

export interface Recorded {
  readonly definition: MetricDefinition;
  readonly family: MetricFamily;
}

type PromMetric = Counter | Gauge | Histogram;

/**
 * Makes the client of one invocation.
 * @param refuse told of each sample that can't be recorded as asked; it counts and logs, or throws.
 */
export function createMetricsClient(
  definitions: Definitions,
  refuse: (refusal: Refusal) => void,
): InvocationMetrics {
  let registry = new Registry();
  let metrics = new Map<MetricDefinition, PromMetric>();

  const metricOf = (definition: MetricDefinition): PromMetric => {
    const known = metrics.get(definition);
    if (known !== undefined) return known;
    const metric = createMetric(definition, registry);
    metrics.set(definition, metric);
    return metric;
  };

  const record = (type: MetricType, name: string, value: number, labels: LabelSet) => {
    const definition = definitions.resolve(type, name, labels);
    if ("reason" in definition) return refuse(definition);
    const wrongValue = refuseValue(definition, value);
    if (wrongValue !== undefined) return refuse(wrongValue);
    const admission = definitions.admit(definition, labels);
    if ("reason" in admission) return refuse(admission);
    if (admission.overflow !== undefined) refuse(admission.overflow);
    observe(metricOf(definition), value, admission.labels);
  };

  const histogram = (name: string, value: number, labels: LabelSet = {}) =>
    record("histogram", name, value, labels);

  return {
    increment: (name, value = 1, labels = {}) => record("counter", name, value, labels),
    gauge: (name, value, labels = {}) => record("gauge", name, value, labels),
    histogram,
    timer(name, labels = {}) {
      const startMs = performance.now();
      const unitMs = name.endsWith("_milliseconds") ? 1 : 1_000;
      return (more = {}) => {
        const value = (performance.now() - startMs) / unitMs;
        histogram(name, value, { ...labels, ...more });
        return value;
      };
    },
    generateMetrics: () => registry.metrics(),
    async collect() {
      const finished = metrics;
      metrics = new Map();
      registry = new Registry();
      const recorded: Recorded[] = [];
      for (const [definition, metric] of finished) {
        recorded.push({ definition, family: await toFamily(definition, metric) });
      }
      return recorded;
    },
  };
}

function createMetric(definition: MetricDefinition, registry: Registry): PromMetric {
  const { name, help, type, labels = [], buckets = [] } = definition;
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === "counter") return new Counter(common);
  if (type === "gauge") return new Gauge(common);
  return new Histogram({ ...common, buckets: [...buckets] });
}

function observe(metric: PromMetric, value: number, labels: LabelSet): void {
  if (metric instanceof Counter) metric.inc(labels, value);
  else if (metric instanceof Gauge) metric.set(labels, value);
  else metric.observe(labels, value);
}

async function toFamily(definition: MetricDefinition, metric: PromMetric): Promise<MetricFamily> {
  const { name, help, type } = definition;
  if (metric instanceof Histogram) {
    return { name, help, type: "histogram", samples: await toHistograms(definition, metric) };
  }
  const samples: ValueSample[] = (await metric.get()).values.map(({ labels, value }) => ({
    labels: toLabelSet(labels),
    value,
  }));
  return { name, help, type: type === "gauge" ? "gauge" : "counter", samples };
}

/**
 * Puts prom-client's flat list together again: for each label set its buckets, `+Inf` last, then
 * `_sum` and `_count`.
 */
async function toHistograms(
  definition: MetricDefinition,
  metric: Histogram,
): Promise<HistogramSample[]> {
  const { values } = await metric.get();
  const size = (definition.buckets?.length ?? 0) + 3;
  const samples: HistogramSample[] = [];
  for (let start = 0; start + size <= values.length; start += size) {
    const lines = values.slice(start, start + size);
    const buckets = lines
      .slice(0, -2)
      .map(
        ({ labels, value }) =>
          [labels.le === "+Inf" ? Infinity : Number(labels.le), value] as const,
      );
    const [sum, count] = lines.slice(-2);
    const labels = toLabelSet(sum?.labels ?? {});
    samples.push({ labels, buckets, sum: sum?.value ?? 0, count: count?.value ?? 0 });
  }
  return samples;
}

function toLabelSet(labels: Readonly<Record<string, string | number | undefined>>): LabelSet {
  return labels as LabelSet;
}
