/**
 * Samples as lines of the Prometheus text format 0.0.4, split into the part that never changes for a
 * series and the value that does.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

import type { LabelSet } from "../family.ts";

/** A value as Prometheus and Go read it. */
export function formatValue(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

/** `name{a="x",b="y"}`, or the bare name when there are no labels. */
export function formatSeries(name: string, labels: LabelSet): string {
  const parts: string[] = [];
  for (const label in labels) parts.push(`${label}="${escapeLabelValue(labels[label] ?? "")}"`);
  return parts.length === 0 ? name : `${name}{${parts.join(",")}}`;
}

/** The series of a histogram, in the order of its values: buckets, `+Inf`, `_sum`, `_count`. */
export function formatHistogramSeries(
  name: string,
  labels: LabelSet,
  bounds: readonly number[],
): string[] {
  const bucket = (le: number) => formatSeries(`${name}_bucket`, { ...labels, le: formatValue(le) });
  return [
    ...bounds.map(bucket),
    bucket(Infinity),
    formatSeries(`${name}_sum`, labels),
    formatSeries(`${name}_count`, labels),
  ];
}

/** The two lines that open a family. */
export function formatHeader(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n# TYPE ${name} ${type}\n`;
}

function escapeLabelValue(value: string): string {
  return /[\\"\n]/.test(value)
    ? value.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/"/g, '\\"')
    : value;
}
