/**
 * Groups as `/api/v1/metrics` tells them: JSON, with numbers as strings in Go's notation. It is one
 * snapshot, and is answered even while an inconsistent group breaks the Pushgateway's `/metrics`.
 * @see https://github.com/prometheus/pushgateway#query-api
 */

import type {
  Group,
  HistogramSample,
  LabelSet,
  MetricFamily,
  MetricType,
  ValueSample,
} from "../family.ts";
import type { GroupFormat } from "./read-groups.ts";
import { splitGroups } from "./read-groups-split.ts";

/**
 * The JSON form. Counters, gauges and classic histograms are read; families of any other type
 * (summaries, untyped, native histograms) are left out. A family that is named `labels` hides its
 * group, since it stands where the grouping key does.
 */
export const jsonGroups: GroupFormat = {
  path: "/api/v1/metrics",
  accept: "application/json",
  checkHead() {}, // Its brackets tell whether it is whole.
  async *parse(body, job) {
    const labelSets: LabelSets = new Map();
    for await (const text of splitGroups(body)) {
      const group = parseGroup(text, job, labelSets);
      if (group !== undefined) yield group;
    }
  },
};

/** The label sets of a snapshot, each by a text that no other has. */
type LabelSets = Map<string, LabelSet>;
type OwnLabels = (labels: LabelSet) => LabelSet;

interface JsonSample {
  readonly labels: Record<string, string>;
  readonly value?: unknown;
  readonly buckets?: unknown;
  readonly sum?: unknown;
  readonly count?: unknown;
}

interface JsonFamily {
  readonly type: string;
  readonly help: string;
  readonly metrics: readonly JsonSample[];
}

const TYPES: ReadonlyMap<string, MetricType> = new Map([
  ["COUNTER", "counter"],
  ["GAUGE", "gauge"],
  ["HISTOGRAM", "histogram"],
]);
const PUSH_TIME = "push_time_seconds";
const PUSH_FAILURE_TIME = "push_failure_time_seconds";
/** What stands beside a group's families. */
const NO_FAMILIES: ReadonlySet<string> = new Set(["labels", "last_push_successful"]);

function parseGroup(text: string, job: string, labelSets: LabelSets): Group | undefined {
  const group = JSON.parse(text) as Record<string, unknown>;
  const key = group["labels"] as LabelSet | undefined;
  if (key?.["job"] !== job) return undefined;
  const ownLabels = (labels: LabelSet) => withoutKey(labels, key, labelSets);
  let [pushedAtSeconds, refusedAtSeconds] = [0, 0];
  const families: MetricFamily[] = [];
  for (const name in group) {
    if (NO_FAMILIES.has(name)) continue;
    try {
      const json = toJsonFamily(group[name]);
      if (name === PUSH_TIME) pushedAtSeconds = toNumber(json.metrics[0]?.value);
      else if (name === PUSH_FAILURE_TIME) refusedAtSeconds = toNumber(json.metrics[0]?.value);
      else families.push(...toFamily(name, json, ownLabels));
    } catch (error) {
      const where = `family ${name} of ${JSON.stringify(key)}`;
      throw new Error(`${where}: ${String(error)}`, { cause: error });
    }
  }
  return { key, pushedAtSeconds, refusedAtSeconds, families };
}

function toJsonFamily(value: unknown): JsonFamily {
  const { type, help = "", metrics } = value as Partial<JsonFamily>;
  const isFamily = typeof type === "string" && typeof help === "string" && Array.isArray(metrics);
  if (!isFamily) throw new Error("no type or no metrics");
  return { type, help, metrics };
}

/** The family, or none where it is of a type that is left out. */
function toFamily(name: string, json: JsonFamily, ownLabels: OwnLabels): MetricFamily[] {
  const { help, metrics } = json;
  const type = TYPES.get(json.type);
  if (type === undefined) return [];
  if (type !== "histogram") {
    return [
      { name, help, type, samples: metrics.map((sample) => toValueSample(sample, ownLabels)) },
    ];
  }
  // A native histogram's buckets are a list.
  if (metrics.some(({ buckets }) => Array.isArray(buckets))) return [];
  return [{ name, help, type, samples: metrics.map((sample) => toHistogram(sample, ownLabels)) }];
}

function toValueSample({ labels, value }: JsonSample, ownLabels: OwnLabels): ValueSample {
  return { labels: ownLabels(labels), value: toNumber(value) };
}

function toHistogram(sample: JsonSample, ownLabels: OwnLabels): HistogramSample {
  const count = toNumber(sample.count);
  const buckets = Object.entries(sample.buckets ?? {})
    .map(([le, total]) => [toNumber(le), toNumber(total)] as const)
    .sort(([a], [b]) => a - b);
  // The bucket of all is optional in a push.
  if (buckets.at(-1)?.[0] !== Infinity) buckets.push([Infinity, count]);
  return { labels: ownLabels(sample.labels), buckets, sum: toNumber(sample.sum), count };
}

/**
 * Without the grouping labels, and without the empty `instance` the Pushgateway adds: one object for
 * all samples that are left with these.
 */
function withoutKey(labels: LabelSet, key: LabelSet, labelSets: LabelSets): LabelSet {
  const own: Record<string, string> = {};
  let id = "";
  for (const name in labels) {
    const value = labels[name] ?? "";
    const isOwn = !Object.hasOwn(key, name) && (name !== "instance" || value !== "");
    if (!isOwn) continue;
    own[name] = value;
    // With its length before it, no value can look like the end of one and the start of the next.
    id += `${name} ${value.length} ${value}`;
  }
  const known = labelSets.get(id);
  if (known === undefined) labelSets.set(id, own);
  return known ?? own;
}

/** Reads a number as Go writes it: `1.58e+09`, `+Inf`, `NaN`. */
function toNumber(text: unknown): number {
  if (text === "NaN") return Number.NaN;
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  const value = typeof text === "string" && text !== "" ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new Error(`number ${JSON.stringify(text)}`);
  return value;
}
