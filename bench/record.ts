/**
 * CPU of one invocation's metrics: record five samples, merge them into the environment's totals and
 * write those as the body of a push. Ours beside prom-client with the same families and series, in
 * interleaved runs.
 *
 *   node bench/record.ts
 */

import {
  AggregatorRegistry,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type MetricObject,
} from "prom-client";
import { COMMON_METRICS } from "../lib/metrics/record/catalogue.ts";
import type { MetricDefinition } from "../lib/metrics/definition.ts";
import { createDefinitions } from "../lib/metrics/record/definitions.ts";
import type { LabelSet } from "../lib/metrics/family.ts";
import { createMetricsClient } from "../lib/metrics/record/metrics-client.ts";
import { formatPayload } from "../lib/metrics/push/payload.ts";
import { createTotals } from "../lib/metrics/push/totals.ts";
import { interleave, load, machine, median, ratio, report, type Finding } from "./figures.ts";

const RUNS = 7;
const INVOCATIONS = 2_000;
const WARM_UP = 500;
const MAX_RATIO = 1 / 8;

interface Sample {
  readonly name: string;
  readonly labels: LabelSet;
  readonly value: number;
}

/** One environment's metrics: what each invocation costs is one call. */
type Invocation = (samples: readonly Sample[]) => Promise<string>;

const QUERY: LabelSet = { engine: "dynamodb", query_type: "trades_by_symbol" };

/** What one request to `GET /trades` records. */
const REQUEST: readonly Sample[] = [
  {
    name: "api_requests_total",
    labels: { method: "GET", endpoint: "/trades", status_code: "200" },
    value: 1,
  },
  { name: "query_duration_milliseconds", labels: QUERY, value: 3.7 },
  { name: "query_duration_milliseconds", labels: QUERY, value: 12.1 },
  { name: "kafka_messages_produced_total", labels: { topic: "trades" }, value: 1 },
  { name: "kafka_messages_consumed_total", labels: { topic: "trades" }, value: 1 },
];

function ours(families: readonly MetricDefinition[]): Invocation {
  const names = new Set(families.map(({ name }) => name));
  const definitions = createDefinitions({ metrics: families, maxLabelSets: 200 });
  const totals = createTotals();
  let sequence = 0;
  return (samples) => {
    const client = createMetricsClient(definitions, ({ detail }) => {
      throw new Error(detail);
    });
    for (const { name, labels, value } of samples) {
      if (typeOf(families, name) === "counter") client.increment(name, value, labels);
      else if (typeOf(families, name) === "gauge") client.gauge(name, value, labels);
      else client.histogram(name, value, labels);
    }
    for (const recorded of client.collect()) totals.merge(recorded);
    totals.take((name) => names.has(name));
    sequence += 1;
    const body = formatPayload({ families: totals.format(), sequence, isClosing: false });
    totals.settle("acknowledged");
    return Promise.resolve(body);
  };
}

function promClient(families: readonly MetricDefinition[]): Invocation {
  let totals: MetricObject[] = [];
  return async (samples) => {
    const registry = new Registry();
    const metrics = new Map(families.map((family) => [family.name, open(family, registry)]));
    for (const { name, labels, value } of samples) {
      const metric = metrics.get(name);
      if (metric instanceof Counter) metric.inc(labels, value);
      else if (metric instanceof Histogram) metric.observe(labels, value);
      else metric?.set(labels, value);
    }
    const recorded = await registry.getMetricsAsJSON();
    const merged = AggregatorRegistry.aggregate([totals, recorded]);
    totals = await merged.getMetricsAsJSON();
    return merged.metrics();
  };
}

function open(definition: MetricDefinition, registry: Registry): Counter | Gauge | Histogram {
  const { name, help, type, labels = [], buckets = [] } = definition;
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === "counter") return new Counter(options);
  if (type === "gauge") return new Gauge(options);
  return new Histogram({ ...options, buckets: [...buckets] });
}

function typeOf(families: readonly MetricDefinition[], name: string) {
  return families.find((family) => family.name === name)?.type;
}

/**
 * Series that are there before the measured invocations: every family, in a few label sets.
 * @param more routes that were called too, a series each.
 */
function earlier(families: readonly MetricDefinition[], more: number): Sample[] {
  const few = families.flatMap(({ name, labels = [], type }) =>
    (type === "histogram" || labels.length === 0 ? [0] : [0, 1, 2, 3, 4]).map((i) => ({
      name,
      value: 1,
      labels: Object.fromEntries(labels.map((label) => [label, `${label}_${i}`])),
    })),
  );
  const routes = Array.from({ length: more }, (_, i) => ({
    name: "api_requests_total",
    value: 1,
    labels: { method: "GET", endpoint: `/route/${i}`, status_code: "200" },
  }));
  return [...few, ...routes];
}

async function cpuMicros(invocation: Invocation, invocations: number): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < invocations; i += 1) await invocation(REQUEST);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / invocations;
}

async function compare(families: readonly MetricDefinition[], more: number): Promise<Finding> {
  const [mine, theirs] = [ours(families), promClient(families)];
  for (const invocation of [mine, theirs]) {
    await invocation(earlier(families, more));
    await cpuMicros(invocation, WARM_UP);
  }
  const micros = await interleave(RUNS, {
    ours: () => cpuMicros(mine, INVOCATIONS),
    promClient: () => cpuMicros(theirs, INVOCATIONS),
  });
  const body = await mine([]);
  const series = body.split("\n").filter((line) => line !== "" && line[0] !== "#").length;
  const what = `${families.length} families, ${series} series`;
  const [own, others] = [median(micros.ours), median(micros.promClient)];
  console.log(
    `${what}: ours ${own.toFixed(1)} µs, prom-client ${others.toFixed(1)} µs an invocation, ${load()}`,
  );
  const ratios = micros.ours.map((value, run) => value / (micros.promClient[run] ?? Number.NaN));
  return ratio(
    `CPU of an invocation's metrics ÷ prom-client's, ${what}`,
    median(ratios),
    MAX_RATIO,
  );
}

console.log(machine());
const inRequest = new Set(REQUEST.map(({ name }) => name));
const requestFamilies = COMMON_METRICS.filter(({ name }) => inRequest.has(name));
report([
  await compare(requestFamilies, 0),
  await compare(requestFamilies, 29),
  await compare(COMMON_METRICS, 0),
]);
