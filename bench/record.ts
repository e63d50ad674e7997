/**
 * CPU of one invocation's metrics: record five samples, merge them into the environment's totals and
 * write those as the body of a push. Ours beside prom-client with the same families, in interleaved
 * runs. `node bench/record.ts`
 */

import {
  AggregatorRegistry,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type MetricObject,
} from "prom-client";
import { COMMON_METRICS } from "../lib/metrics/catalogue.ts";
import type { MetricDefinition } from "../lib/metrics/definition.ts";
import { createDefinitions } from "../lib/metrics/definitions.ts";
import type { LabelSet } from "../lib/metrics/family.ts";
import { createMetricsClient } from "../lib/metrics/metrics-client.ts";
import { formatPayload } from "../lib/metrics/payload.ts";
import { createTotals } from "../lib/metrics/totals.ts";

const RUNS = 7;
const INVOCATIONS = 2_000;
const WARM_UP = 500;

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

/** Series that are there before the measured invocations: every family, in a few label sets. */
function earlier(families: readonly MetricDefinition[]): Sample[] {
  return families.flatMap(({ name, labels = [], type }) =>
    (type === "histogram" || labels.length === 0 ? [0] : [0, 1, 2, 3, 4]).map((i) => ({
      name,
      value: 1,
      labels: Object.fromEntries(labels.map((label) => [label, `${label}_${i}`])),
    })),
  );
}

async function cpuMicros(invocation: Invocation, invocations: number): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < invocations; i += 1) await invocation(REQUEST);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / invocations;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function compare(title: string, families: readonly MetricDefinition[]): Promise<void> {
  const [mine, theirs] = [ours(families), promClient(families)];
  for (const invocation of [mine, theirs]) {
    await invocation(earlier(families));
    await cpuMicros(invocation, WARM_UP);
  }
  const [oursMicros, theirMicros]: [number[], number[]] = [[], []];
  for (let run = 0; run < RUNS; run += 1) {
    oursMicros.push(await cpuMicros(mine, INVOCATIONS));
    theirMicros.push(await cpuMicros(theirs, INVOCATIONS));
  }
  const lines = (await mine([])).split("\n").filter((line) => line !== "" && line[0] !== "#");
  const ratio = median(theirMicros) / median(oursMicros);
  console.log(
    `${title}: ${lines.length} series; ours ${median(oursMicros).toFixed(1)} µs, ` +
      `prom-client ${median(theirMicros).toFixed(1)} µs an invocation (${ratio.toFixed(1)} ×)`,
  );
}

const inRequest = new Set(REQUEST.map(({ name }) => name));
const requestFamilies = COMMON_METRICS.filter(({ name }) => inRequest.has(name));
await compare(`${requestFamilies.length} families`, requestFamilies);
await compare(`all ${COMMON_METRICS.length} families`, COMMON_METRICS);
