/**
 * What can't be recorded, and why: the names, labels and values that Prometheus and the Pushgateway
 * take. A refusal is a value; nobody's handler is to fail for a sample.
 */

import type { MetricDefinition } from "../definition.ts";
import type { LabelSet } from "../family.ts";

/** Why a sample was not recorded as asked: the values of `reason` in `metrics_client_errors_total`. */
export const REFUSAL_REASONS = [
  "invalid_definition",
  "invalid_name",
  "reserved_name",
  "name_clash",
  "type_conflict",
  "too_many_families",
  "invalid_label",
  "label_mismatch",
  "too_many_label_sets",
  "invalid_value",
  "rejected_by_pushgateway",
  "internal",
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** A refusal as a value: the reason for the counter, the detail for the log. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** What was refused; with the reason, the cause that is logged once. */
  readonly metric: string;
  /** One line: what was wrong with which metric, and what was expected. */
  readonly detail: string;
}

/** Labels that the push and the aggregation set themselves, and `le`, which belongs to buckets. */
export const RESERVED_LABELS: ReadonlySet<string> = new Set([
  "job",
  "instance",
  "service",
  "component",
  "environment",
  "le",
  "quantile",
]);

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,127}$/;
/** Names the Pushgateway uses itself; one collision makes it reject a whole push. */
const RESERVED_NAME =
  /^(?:(?:go|process|promhttp|pushgateway)_.*|push_time_seconds|push_failure_time_seconds|labels|last_push_successful|metrics_page_.*|metrics_(?:push_sequence|closed|payload_samples))$/;
const MAX_LABELS = 32;
const MAX_LABEL_VALUE_LENGTH = 512;
const SHOWN_LENGTH = 80;

/** Makes a refusal. @param metric the name as the caller gave it, whatever that is. */
export function refusal(reason: RefusalReason, metric: unknown, problem: string): Refusal {
  const name = typeof metric === "string" && NAME.test(metric) ? metric : show(metric);
  return { reason, metric: name, detail: `metric ${name}: ${problem}` };
}

/** Tells a refusal from what else a function gives. */
export function isRefusal(value: object): value is Refusal {
  return "reason" in value && "detail" in value;
}

/** What is wrong with a definition by itself, if anything. */
export function refuseDefinition(definition: MetricDefinition): Refusal | undefined {
  const { name, type, buckets = [] } = definition;
  if (typeof name !== "string" || !NAME.test(name)) {
    return refusal("invalid_name", name, `expected ${NAME.source}`);
  }
  const malformed = refuseForm(definition);
  if (malformed !== undefined) return malformed;
  // Without its ending a counter has its name in OpenMetrics, where an empty one spoils the page.
  if (type === "counter" && !/._total$/.test(name)) {
    return refusal(
      "invalid_name",
      name,
      "expected a counter's name to end in _total, after its own",
    );
  }
  // prom-client keeps its metrics in a plain object, where those of its prototype are taken.
  if (RESERVED_NAME.test(name) || name in Object.prototype) {
    return refusal(
      "reserved_name",
      name,
      "the Pushgateway, the push or prom-client uses this name",
    );
  }
  const isAscending = buckets.every(
    (bound, i) => Number.isFinite(bound) && bound > (buckets[i - 1] ?? -Infinity),
  );
  if (!isAscending) {
    return refusal("invalid_value", name, "buckets: expected finite numbers, ascending");
  }
  return refuseLabelNames(definition);
}

const TYPES: ReadonlySet<unknown> = new Set(["counter", "gauge", "histogram"]);
const AGGREGATIONS: ReadonlySet<unknown> = new Set(["sum", "max", "min", "avg", "last", undefined]);

/** For who defines without a compiler: what would fail only when it is pushed, or shown. */
function refuseForm(definition: MetricDefinition): Refusal | undefined {
  const { name, type, help, labels = [], buckets = [], zeros = [], aggregation } = definition;
  const expected = [
    TYPES.has(type) ? [] : "type: counter, gauge or histogram",
    typeof help === "string" ? [] : "help: text",
    [labels, buckets, zeros].every(Array.isArray) ? [] : "labels, buckets and zeros: lists",
    AGGREGATIONS.has(aggregation) ? [] : "aggregation: sum, max, min, avg or last",
  ].flat();
  if (expected.length === 0) return undefined;
  return refusal("invalid_definition", name, `expected ${expected.join("; ")}`);
}

/** What is wrong with a value for this type, if anything. Counters and histograms may never fall. */
export function refuseValue({ name, type }: MetricDefinition, value: number): Refusal | undefined {
  const isNumber = typeof value === "number" && Number.isFinite(value);
  if (isNumber && (type === "gauge" || value >= 0)) return undefined;
  const expected = type === "gauge" ? "a finite number" : "a finite number of at least 0";
  return refusal("invalid_value", name, `value ${show(value)}: expected ${expected}`);
}

/** What is wrong with a sample's labels, if anything: exactly the family's names, short strings. */
export function refuseLabels(
  { name: metric, labels: expected = [] }: MetricDefinition,
  labels: LabelSet,
): Refusal | undefined {
  const given = Object.keys(labels);
  if (given.length !== expected.length || !expected.every((name) => Object.hasOwn(labels, name))) {
    const names = `labels ${show(given.join(", "))}: expected ${show(expected.join(", "))}`;
    return refusal("label_mismatch", metric, names);
  }
  const wrong = expected.find((name) => !isLabelValue(labels[name]));
  if (wrong === undefined) return undefined;
  const wanted = `well-formed text of at most ${MAX_LABEL_VALUE_LENGTH} characters`;
  return refusal("invalid_label", metric, `label ${wrong}: expected ${wanted}`);
}

function refuseLabelNames({ name, labels = [] }: MetricDefinition): Refusal | undefined {
  if (labels.length > MAX_LABELS || new Set(labels).size < labels.length) {
    return refusal("invalid_label", name, `expected at most ${MAX_LABELS} labels, each once`);
  }
  const wrong = labels.find((label) => !LABEL_NAME.test(label) || RESERVED_LABELS.has(label));
  if (wrong === undefined) return undefined;
  const expected = `expected ${LABEL_NAME.source} and none of ${[...RESERVED_LABELS].join(", ")}`;
  return refusal("invalid_label", name, `label ${show(wrong)}: ${expected}`);
}

function isLabelValue(value: unknown): boolean {
  return (
    typeof value === "string" && value.length <= MAX_LABEL_VALUE_LENGTH && value.isWellFormed()
  );
}

/** A short, single-line rendering of whatever a caller passed. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN_LENGTH));
  if (typeof value === "number") return String(value);
  return `of type ${typeof value}`;
}
