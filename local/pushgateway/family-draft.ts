/**
 * A family while its lines are read: they may come in any order and from several places.
 */

import type { HistogramSample, LabelSet, ValueSample } from "../../lib/metrics/family.ts";
import type { ParsedFamily, SummarySample } from "./exposition.ts";
import { parseGoNumber } from "./go-number.ts";
import { labelSetId } from "./label-set.ts";
import { expected, unescape } from "./line-cursor.ts";
import type { SampleLine } from "./parse-sample-line.ts";

type FamilyType = ParsedFamily["type"];

/** A family while its lines are read. */
export interface Draft {
  readonly name: string;
  help: string | undefined;
  type: FamilyType | undefined;
  readonly values: ValueSample[];
  readonly composites: Map<string, Composite>;
}

/** A histogram or summary while its lines are read. */
interface Composite {
  readonly labels: LabelSet;
  /** Buckets or quantiles. */
  readonly points: (readonly [number, number])[];
  sum: number;
  count: number;
}

const TYPES: ReadonlySet<string> = new Set(["counter", "gauge", "histogram", "summary", "untyped"]);
/** The label that tells the lines of one sample apart. */
const POINT_LABELS = { histogram: "le", summary: "quantile" } as const;
/** What a composite family's lines add to its name. */
export const SUFFIXES = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["_sum", "_count"],
} as const;

/** Begins a family that nothing is known of but its name. */
export function openDraft(name: string): Draft {
  return { name, help: undefined, type: undefined, values: [], composites: new Map() };
}

/** @throws {Error} for a second HELP or a bad escape. */
export function setHelp(draft: Draft, text: string): void {
  if (draft.help !== undefined) throw new Error(`second HELP line for ${draft.name}`);
  draft.help = unescape(text);
}

/** @throws {Error} for a type that is none or comes too late. */
export function setType(draft: Draft, text: string): void {
  if (draft.type !== undefined) throw new Error(`TYPE after samples or another of ${draft.name}`);
  const type = text.toLowerCase();
  if (!TYPES.has(type)) throw expected("a metric type", text);
  draft.type = type as FamilyType;
}

/** Takes a sample line, which fixes the type. @throws {Error} for one that can't be of the type. */
export function addSample(draft: Draft, sample: SampleLine): void {
  const type = (draft.type ??= "untyped");
  if (type === "histogram" || type === "summary") return addToComposite(draft, type, sample);
  draft.values.push({ labels: toLabels(sample.labels), value: sample.value });
}

/** The family, or nothing while it has no samples. */
export function finish(draft: Draft): ParsedFamily[] {
  const { name, help = "", type = "untyped", values } = draft;
  const composites = [...draft.composites.values()];
  if (values.length + composites.length === 0) return [];
  if (type === "histogram") {
    const samples = composites.map(({ points, ...rest }): HistogramSample => {
      return { ...rest, buckets: points };
    });
    return [{ name, help, type, samples }];
  }
  if (type === "summary") {
    const samples = composites.map(({ points, ...rest }): SummarySample => {
      return { ...rest, quantiles: points };
    });
    return [{ name, help, type, samples }];
  }
  return [{ name, help, type, samples: values }];
}

function addToComposite(
  draft: Draft,
  type: "histogram" | "summary",
  { name, labels, value }: SampleLine,
): void {
  const pointLabel = POINT_LABELS[type];
  const point = readPoint(labels, pointLabel);
  const others = toLabels(labels.filter(([label]) => label !== pointLabel));
  const id = labelSetId(others);
  const composite = draft.composites.get(id) ?? { labels: others, points: [], sum: 0, count: 0 };
  draft.composites.set(id, composite);
  if (name === `${draft.name}_sum`) composite.sum = value;
  else if (name === `${draft.name}_count`) composite.count = checkCount(name, value, type);
  else if (point !== undefined) {
    composite.points.push([point, type === "histogram" ? checkCount(name, value, type) : value]);
  }
}

/** The bound or quantile of a line; what is no number at all marks no point. */
function readPoint(labels: SampleLine["labels"], pointLabel: string): number | undefined {
  let point: number | undefined;
  for (const [label, text] of labels) {
    if (label !== pointLabel) continue;
    point = parseGoNumber(text);
    if (point === undefined) throw expected(`a float as value of ${pointLabel}`, text);
  }
  return Number.isNaN(point) ? undefined : point;
}

/** A histogram's counts may be fractions (or not known), a summary's are cut to whole numbers. */
function checkCount(name: string, value: number, type: "histogram" | "summary"): number {
  if (value < 0) throw new Error(`negative count ${name}`);
  if (type === "histogram") return value + 0; // -0 is 0.
  if (!Number.isFinite(value)) throw new Error(`infinite count ${name}`);
  return Math.trunc(value) + 0;
}

function toLabels(labels: SampleLine["labels"]): LabelSet {
  const names = new Set(labels.map(([name]) => name));
  if (names.size < labels.length) throw new Error("duplicate label names");
  return Object.fromEntries(labels);
}
