/**
 * The definitions an environment knows: the catalogue's, and those registered on first use. It holds
 * no values, so invocations may share it; it decides what is taken, and under which label set.
 */

import { COMMON_METRICS, defaultBuckets } from "./catalogue.ts";
import { isSameDefinition, labelKey, sampleNames, type MetricDefinition } from "../definition.ts";
import type { LabelSet, MetricType } from "../family.ts";
import {
  isRefusal,
  refusal,
  refuseDefinition,
  refuseLabels,
  refuseValue,
  type Refusal,
} from "./refusal.ts";

export interface Definitions {
  /**
   * Where a sample goes: its family, registered on first use with these label names, and the label
   * set to record under, the overflow one beyond the cap; or why it is not taken. A counter's name
   * gets `_total` if it lacks it. A sample that is refused leaves nothing behind.
   */
  admit(type: MetricType, name: string, value: number, labels: LabelSet): Admission | Refusal;
  /** A label set to start at 0. The cap is not for those: they are known beforehand. */
  admitZero(name: string, labels: LabelSet): Admission | Refusal;
  all(): MetricDefinition[];
  /** Why some of the definitions given at the start are not known. */
  readonly refused: readonly Refusal[];
}

export interface Admission {
  readonly definition: MetricDefinition;
  /** Tells the label set from all others of its family. */
  readonly key: string;
  /** In the definition's order; never the caller's own object. */
  readonly labels: LabelSet;
  /** Set when the cap sent the sample to the overflow series. */
  readonly overflow?: Refusal;
}

/** Every label of a family's one series for label sets beyond the cap. */
export const OVERFLOW_LABEL_VALUE = "overflow";

/** More families than this from one environment is a mistake, such as an id in a name. */
export const MAX_FAMILIES = 500;

export interface DefinitionsOptions {
  /** Known beside the common ones; an entry of the same name replaces the common one. */
  readonly metrics?: readonly MetricDefinition[];
  /** Label sets a family may have in one environment beside its zeros and the overflow series. */
  readonly maxLabelSets: number;
}

interface Family {
  readonly definition: MetricDefinition;
  /** The label sets seen so far, by key. */
  readonly admitted: Map<string, Admission>;
  /** Label sets that may yet be admitted. */
  room: number;
}

/** Opens the definitions with the common metrics and the service's own in them. */
export function createDefinitions({ metrics = [], maxLabelSets }: DefinitionsOptions): Definitions {
  const families = new Map<string, Family>();
  const bySample = new Map<string, MetricDefinition>();

  const register = (given: MetricDefinition): Family | Refusal => {
    const wrong = refuseDefinition(given);
    if (wrong !== undefined) return wrong;
    const definition = complete(given);
    const known = families.get(definition.name);
    if (known !== undefined) {
      return isSameDefinition(known.definition, definition) ? known : differs(known.definition);
    }
    const other = clash(definition, bySample) ?? tooMany(definition, families.size);
    if (other !== undefined) return other;
    const family = { definition, admitted: new Map<string, Admission>(), room: maxLabelSets };
    families.set(definition.name, family);
    for (const name of sampleNames(definition)) bySample.set(name, definition);
    return family;
  };

  const objects = metrics.filter((metric) => typeof metric === "object" && metric !== null);
  const own = new Set(objects.map(({ name }) => name));
  const common = COMMON_METRICS.filter(({ name }) => !own.has(name));
  const refused = [...common, ...objects].map(register).filter(isRefusal);
  if (objects.length < metrics.length)
    refused.push(refusal("invalid_definition", "metrics", "expected a definition, an object"));

  return {
    refused,
    all: () => [...families.values()].map(({ definition }) => definition),
    admit(type, given, value, givenLabels) {
      const wrongShape = refuseShape(given, givenLabels);
      if (wrongShape !== undefined) return wrongShape;
      const name = type === "counter" && !given.endsWith("_total") ? `${given}_total` : given;
      // Read once: what is checked is what is kept, whatever the caller's object is or becomes.
      const labels = { ...givenLabels };
      const known = families.get(name);
      const definition = known?.definition ?? firstUse(type, name, labels);
      if (definition.type !== type) return differs(definition);
      const wrong = refuseValue(definition, value) ?? refuseLabels(definition, labels);
      if (wrong !== undefined) return wrong;
      const family = known ?? register(definition);
      if (isRefusal(family)) return family;
      const key = labelKey(definition, labels);
      const admitted = family.admitted.get(key);
      if (admitted !== undefined) return admitted;
      if (family.room === 0) return overflow(family.definition, maxLabelSets);
      family.room -= 1;
      return admitNew(family, key, labels);
    },
    admitZero(name, labels) {
      const family = families.get(name);
      if (family === undefined) {
        return refusal("invalid_name", name, "zeros: expected a metric that is known at the start");
      }
      const wrong = refuseShape(name, labels) ?? refuseLabels(family.definition, labels);
      if (wrong !== undefined) return wrong;
      const key = labelKey(family.definition, labels);
      return family.admitted.get(key) ?? admitNew(family, key, labels);
    },
  };
}

function refuseShape(name: unknown, labels: unknown): Refusal | undefined {
  if (typeof name !== "string") return refusal("invalid_name", name, "expected text");
  if (typeof labels === "object" && labels !== null) return undefined;
  return refusal("invalid_label", name, "labels: expected an object");
}

function firstUse(type: MetricType, name: string, labels: LabelSet): MetricDefinition {
  const help = `${name}, registered on first use.`;
  return { name, type, help, labels: Object.keys(labels).sort() };
}

/** A histogram that says no buckets has those of its unit. */
function complete(definition: MetricDefinition): MetricDefinition {
  const { name, type, buckets = defaultBuckets(name) } = definition;
  return type === "histogram" ? { ...definition, buckets } : definition;
}

function admitNew({ definition, admitted }: Family, key: string, labels: LabelSet): Admission {
  const admission = { definition, key, labels: labelSet(definition, (name) => labels[name] ?? "") };
  admitted.set(key, admission);
  return admission;
}

function overflow(definition: MetricDefinition, maxLabelSets: number): Admission {
  const labels = labelSet(definition, () => OVERFLOW_LABEL_VALUE);
  const problem = `expected at most ${maxLabelSets} label sets; more go to one series, "${OVERFLOW_LABEL_VALUE}"`;
  const refused = refusal("too_many_label_sets", definition.name, problem);
  return { definition, key: labelKey(definition, labels), labels, overflow: refused };
}

function labelSet(definition: MetricDefinition, valueOf: (name: string) => string): LabelSet {
  return Object.fromEntries((definition.labels ?? []).map((name) => [name, valueOf(name)]));
}

/** Refuses `x_count` beside a histogram `x`: the Pushgateway rejects a push that holds both. */
function clash(
  definition: MetricDefinition,
  bySample: ReadonlyMap<string, MetricDefinition>,
): Refusal | undefined {
  const other = sampleNames(definition)
    .map((name) => bySample.get(name))
    .find((found) => found !== undefined);
  if (other === undefined) return undefined;
  const problem = `its samples clash with those of ${other.type} ${other.name}`;
  return refusal("name_clash", definition.name, problem);
}

function differs({ name, type, labels = [] }: MetricDefinition): Refusal {
  const problem = `expected the ${type} with labels {${labels.join(", ")}} that it already is`;
  return refusal("type_conflict", name, problem);
}

function tooMany({ name }: MetricDefinition, families: number): Refusal | undefined {
  if (families < MAX_FAMILIES) return undefined;
  return refusal("too_many_families", name, `expected at most ${MAX_FAMILIES} in one environment`);
}
