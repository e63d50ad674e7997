/**
 * The definitions an environment knows: the catalogue's, and those registered on first use. It holds
 * no values, so invocations may share it; it decides what is taken, and under which label set.
 */

import { COMMON_METRICS, defaultBuckets } from "./catalogue.ts";
import {
  isSameDefinition,
  labelKey,
  refuseDefinition,
  refuseLabels,
  sampleNames,
  type MetricDefinition,
  type Refusal,
} from "./definition.ts";
import type { LabelSet, MetricType } from "./family.ts";

export interface Definitions {
  /** The definition of a name, registered on first use with these label names; or why not. */
  resolve(type: MetricType, name: string, labels: LabelSet): MetricDefinition | Refusal;
  /** Adds a definition; an equal one is there already, a different one is refused. */
  register(definition: MetricDefinition): Refusal | undefined;
  /** The label set to record under: the given one, or the overflow one beyond the cap; or why neither. */
  admit(definition: MetricDefinition, labels: LabelSet): Admission | Refusal;
  all(): Iterable<MetricDefinition>;
}

export interface Admission {
  /** Tells the label set from all others of its family. */
  readonly key: string;
  readonly labels: LabelSet;
  /** Set when the cap sent the sample to the overflow series. */
  readonly overflow?: Refusal;
}

/** Every label of a family's one series for label sets beyond the cap. */
export const OVERFLOW_LABEL_VALUE = "overflow";

/** More families than this from one environment is a mistake, such as an id in a name. */
const MAX_FAMILIES = 500;

export interface DefinitionsOptions {
  /** Known beside the common ones; an entry of the same name replaces the common one. */
  readonly metrics?: readonly MetricDefinition[];
  /** Label sets a family may have in one environment, the overflow series not counted. */
  readonly maxLabelSets: number;
}

/** Opens the definitions with the common metrics and the service's own in them. */
export function createDefinitions(options: DefinitionsOptions): Definitions {
  const byName = new Map<string, MetricDefinition>();
  const bySample = new Map<string, MetricDefinition>();
  const labelSets = new Map<string, Set<string>>();

  const register = (definition: MetricDefinition): Refusal | undefined => {
    const known = byName.get(definition.name);
    if (known !== undefined)
      return isSameDefinition(known, definition) ? undefined : differs(known);
    const refusal = refuseDefinition(definition) ?? clash(definition, bySample);
    if (refusal !== undefined) return refusal;
    if (byName.size >= MAX_FAMILIES) return tooMany(definition.name);
    byName.set(definition.name, definition);
    labelSets.set(definition.name, new Set());
    for (const name of sampleNames(definition)) bySample.set(name, definition);
    return undefined;
  };

  const own = new Map(options.metrics?.map((metric) => [metric.name, metric]));
  const common = COMMON_METRICS.filter((metric) => !own.has(metric.name));
  for (const definition of [...common, ...own.values()]) register(definition);

  return {
    register,
    resolve(type, given, labels) {
      const name = type === "counter" && !given.endsWith("_total") ? `${given}_total` : given;
      const known = byName.get(name);
      if (known !== undefined) return known.type === type ? known : differs(known);
      const definition = firstUse(type, name, labels);
      return register(definition) ?? definition;
    },
    admit(definition, labels) {
      const refusal = refuseLabels(definition, labels);
      if (refusal !== undefined) return refusal;
      const known = labelSets.get(definition.name);
      const key = labelKey(definition, labels);
      if (known === undefined || known.has(key)) return { key, labels };
      if (known.size < options.maxLabelSets) {
        known.add(key);
        return { key, labels };
      }
      return overflow(definition, options.maxLabelSets);
    },
    all: () => byName.values(),
  };
}

function firstUse(type: MetricType, name: string, labels: LabelSet): MetricDefinition {
  return {
    name,
    type,
    help: `${name}, registered on first use.`,
    labels: Object.keys(labels).sort(),
    ...(type === "histogram" ? { buckets: defaultBuckets(name) } : {}),
  };
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
  const detail = `metric ${definition.name}: its samples clash with those of ${other.type} ${other.name}`;
  return { reason: "name_clash", detail };
}

function differs(known: MetricDefinition): Refusal {
  const labels = `{${(known.labels ?? []).join(", ")}}`;
  const detail = `metric ${known.name}: expected the ${known.type} with labels ${labels} that it already is`;
  return { reason: "type_conflict", detail };
}

function tooMany(name: string): Refusal {
  const detail = `metric ${name}: expected at most ${MAX_FAMILIES} families in one environment`;
  return { reason: "invalid_name", detail };
}

function overflow(definition: MetricDefinition, maxLabelSets: number): Admission {
  const labels = Object.fromEntries(
    (definition.labels ?? []).map((label) => [label, OVERFLOW_LABEL_VALUE]),
  );
  const detail = `metric ${definition.name}: expected at most ${maxLabelSets} label sets; more go to one series, "${OVERFLOW_LABEL_VALUE}"`;
  return {
    key: labelKey(definition, labels),
    labels,
    overflow: { reason: "too_many_label_sets", detail },
  };
}
