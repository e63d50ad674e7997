/**
 * What a metric family is: its name, type, labels and, by type, its buckets or its aggregation; and
 * which names, labels and values Prometheus and the Pushgateway take.
 */

import type { LabelSet, MetricType } from "./family.ts";

/** How one gauge of several environments becomes one value. `last`: the one pushed last. */
export type GaugeAggregation = "sum" | "max" | "min" | "avg" | "last";

export interface MetricDefinition {
  /** A counter's ends in `_total`. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** Names of its labels; every sample has exactly these. Default: none. */
  readonly labels?: readonly string[];
  /** A histogram's upper bounds, ascending, without `+Inf`. */
  readonly buckets?: readonly number[];
  /** A gauge's rule. Default `last`. */
  readonly aggregation?: GaugeAggregation;
  /** Label sets to start at 0, since PromQL never sees the first increment of a series born above 0. */
  readonly zeros?: readonly LabelSet[];
}

/** Why a sample was not taken: the values of `reason` in `metrics_client_errors_total`. */
export type RefusalReason =
  | "invalid_name"
  | "reserved_name"
  | "name_clash"
  | "type_conflict"
  | "invalid_label"
  | "label_mismatch"
  | "invalid_value"
  | "too_many_label_sets"
  | "rejected_by_pushgateway"
  | "internal";

/** A refusal as a value: the reason for the counter, the detail for the log. */
export interface Refusal {
  readonly reason: RefusalReason;
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
const MAX_LABEL_VALUE_LENGTH = 512;
const SUFFIXES = ["_bucket", "_sum", "_count"] as const;

/** What is wrong with a definition by itself, if anything. */
export function refuseDefinition(definition: MetricDefinition): Refusal | undefined {
  const { name, labels = [], buckets = [] } = definition;
  if (!NAME.test(name)) {
    return refusal("invalid_name", `metric ${show(name)}: expected ${NAME.source}`);
  }
  if (RESERVED_NAME.test(name)) {
    return refusal(
      "reserved_name",
      `metric ${name}: the name belongs to the Pushgateway or the push`,
    );
  }
  for (const label of labels) {
    if (!LABEL_NAME.test(label) || RESERVED_LABELS.has(label)) {
      const taken = [...RESERVED_LABELS].join(", ");
      const expected = `expected ${LABEL_NAME.source} and none of ${taken}`;
      return refusal("invalid_label", `metric ${name}: label ${show(label)}: ${expected}`);
    }
  }
  if (
    buckets.some((bound, i) => !Number.isFinite(bound) || bound <= (buckets[i - 1] ?? -Infinity))
  ) {
    return refusal("invalid_value", `metric ${name}: buckets: expected finite numbers, ascending`);
  }
  return undefined;
}

/** What is wrong with a value for this type, if anything. Counters and histograms may never fall. */
export function refuseValue(definition: MetricDefinition, value: number): Refusal | undefined {
  const isNumber = typeof value === "number" && Number.isFinite(value);
  if (isNumber && (definition.type === "gauge" || value >= 0)) return undefined;
  const expected =
    definition.type === "gauge" ? "a finite number" : "a finite number of at least 0";
  return refusal(
    "invalid_value",
    `metric ${definition.name}: value ${show(value)}: expected ${expected}`,
  );
}

/** What is wrong with a sample's labels, if anything: exactly the family's names, short strings. */
export function refuseLabels(definition: MetricDefinition, labels: LabelSet): Refusal | undefined {
  const expected = definition.labels ?? [];
  const given = Object.keys(labels);
  if (given.length !== expected.length || !expected.every((name) => Object.hasOwn(labels, name))) {
    const names = `labels {${given.join(", ")}}: expected {${expected.join(", ")}}`;
    return refusal("label_mismatch", `metric ${definition.name}: ${names}`);
  }
  for (const [name, value] of Object.entries(labels)) {
    if (
      typeof value !== "string" ||
      value.length > MAX_LABEL_VALUE_LENGTH ||
      !value.isWellFormed()
    ) {
      const wanted = `expected well-formed text of at most ${MAX_LABEL_VALUE_LENGTH} characters`;
      return refusal("invalid_label", `metric ${definition.name}: label ${name}: ${wanted}`);
    }
  }
  return undefined;
}

/** Whether two definitions describe the same samples; `help` and `zeros` may differ. */
export function isSameDefinition(a: MetricDefinition, b: MetricDefinition): boolean {
  return (
    a.name === b.name &&
    a.type === b.type &&
    isSameList(a.labels, b.labels) &&
    isSameList(a.buckets, b.buckets) &&
    (a.aggregation ?? "last") === (b.aggregation ?? "last")
  );
}

/** Every name that a family's samples take in the exposition, its own first. */
export function sampleNames(definition: Pick<MetricDefinition, "name" | "type">): string[] {
  const { name, type } = definition;
  return type === "histogram" ? [name, ...SUFFIXES.map((suffix) => name + suffix)] : [name];
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

function isSameList<T>(a: readonly T[] = [], b: readonly T[] = []): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

function refusal(reason: RefusalReason, detail: string): Refusal {
  return { reason, detail };
}

/** A short, single-line rendering of whatever a caller passed. */
function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}
