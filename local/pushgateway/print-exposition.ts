/**
 * Writes families in the Prometheus text format 0.0.4, byte for byte as the Pushgateway does.
 */

import type { HistogramSample, LabelSet } from "../../lib/metrics/family.ts";
import type { ParsedFamily, SummarySample } from "./exposition.ts";
import { formatGoNumber } from "./go-number.ts";

/** Writes families in the given order; help is left out where there is none. */
export function printExposition(families: Iterable<ParsedFamily>): string {
  let text = "";
  for (const family of families) {
    const { name, help, type } = family;
    if (help !== "") text += `# HELP ${name} ${escape(help, /[\\\n]/g)}\n`;
    text += `# TYPE ${name} ${type}\n${printSamples(family)}`;
  }
  return text;
}

function printSamples(family: ParsedFamily): string {
  const { name, type, samples } = family;
  if (type === "histogram") return samples.map((sample) => printHistogram(name, sample)).join("");
  if (type === "summary") return samples.map((sample) => printSummary(name, sample)).join("");
  return samples.map(({ labels, value }) => printLine(name, labels, value)).join("");
}

function printHistogram(name: string, { labels, buckets, sum, count }: HistogramSample): string {
  const isWhole = buckets.some(([le]) => le === Infinity);
  const all = isWhole ? buckets : [...buckets, [Infinity, count] as const];
  const lines = all.map(([le, total]) => printPoint(`${name}_bucket`, labels, { le }, total));
  return lines.join("") + printSumAndCount(name, labels, sum, count);
}

function printSummary(name: string, { labels, quantiles, sum, count }: SummarySample): string {
  const lines = quantiles.map(([quantile, value]) => printPoint(name, labels, { quantile }, value));
  return lines.join("") + printSumAndCount(name, labels, sum, count);
}

function printPoint(
  name: string,
  labels: LabelSet,
  point: Readonly<Record<string, number>>,
  value: number,
): string {
  const pointLabels = Object.entries(point).map(([label, at]) => [label, formatGoNumber(at + 0)]);
  return printLine(name, { ...labels, ...Object.fromEntries(pointLabels) }, value);
}

function printSumAndCount(name: string, labels: LabelSet, sum: number, count: number): string {
  return printLine(`${name}_sum`, labels, sum) + printLine(`${name}_count`, labels, count);
}

function printLine(name: string, labels: LabelSet, value: number): string {
  const pairs = Object.entries(labels).map(
    ([label, text]) => `${label}="${escape(text, /[\\\n"]/g)}"`,
  );
  const braces = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  // The format has one zero.
  return `${name}${braces} ${formatGoNumber(value + 0)}\n`;
}

function escape(text: string, special: RegExp): string {
  return text.replace(special, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}
