/**
 * Writes families as a page that Prometheus scrapes: the text format 0.0.4 or OpenMetrics 1.0.0.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/
 */

import Registry from "prom-client/lib/registry.js";
import { sampleNames } from "../definition.ts";
import type { HistogramSample, MetricFamily, ValueSample } from "../family.ts";
import {
  formatHeader,
  formatHistogramSeries,
  formatSeries,
  formatValue,
} from "../push/sample-lines.ts";

export type ExpositionFormat = "text" | "openmetrics";

/** The `Content-Type` of each format; since version 3 Prometheus fails a scrape without one. */
export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

/**
 * Chooses the format by an `Accept` header: OpenMetrics when it is asked for and not liked less than
 * text; text for everything else, even for a header that can't be read.
 */
export function negotiateFormat(accept: string | undefined): ExpositionFormat {
  let text = 0;
  let openMetrics = 0;
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const q = qualityOf(parameters);
    if (type === "application/openmetrics-text") openMetrics = Math.max(openMetrics, q);
    else if (["text/plain", "text/*", "*/*"].includes(type)) text = Math.max(text, q);
  }
  return openMetrics > 0 && openMetrics >= text ? "openmetrics" : "text";
}

/**
 * Writes a page. Families and samples keep their order; no timestamps. Both formats name every
 * sample and bound alike, so that a series does not depend on what was negotiated.
 */
export function formatPage(families: readonly MetricFamily[], format: ExpositionFormat): string {
  const names = new Set(families.flatMap((family) => sampleNames(family)));
  const head =
    format === "text" ? formatTextHead : (one: MetricFamily) => formatOpenHead(one, names);
  const pages = families.map((family) => head(family) + formatSamples(family));
  return pages.join("") + (format === "openmetrics" ? "# EOF\n" : "");
}

function qualityOf(parameters: readonly string[]): number {
  const q = parameters.find((parameter) => parameter.startsWith("q="));
  const value = q === undefined ? 1 : Number(q.slice(2));
  return Number.isFinite(value) ? value : 0;
}

function formatTextHead({ name, type, help }: MetricFamily): string {
  return formatHeader(name, type, help);
}

/**
 * OpenMetrics knows a counter by its name without `_total`; one that has none, or whose shorter name
 * is that of another family or of its samples, is of unknown type. Unlike the text format it escapes quotes in help.
 */
function formatOpenHead({ name, type, help }: MetricFamily, names: ReadonlySet<string>): string {
  const base = type === "counter" ? name.replace(/_total$/, "") : name;
  const isPlain = type !== "counter" || (base !== name && !names.has(base));
  const header = isPlain ? formatHeader(base, type, help) : formatHeader(name, "unknown", help);
  const [helpLine = "", ...rest] = header.split("\n");
  return [helpLine.replaceAll('"', '\\"'), ...rest].join("\n");
}

function formatSamples(family: MetricFamily): string {
  const { name } = family;
  return family.type === "histogram"
    ? family.samples.map((sample) => formatHistogram(name, sample)).join("")
    : family.samples.map((sample) => formatValueSample(name, sample)).join("");
}

function formatValueSample(name: string, { labels, value }: ValueSample): string {
  return `${formatSeries(name, labels)} ${formatValue(value)}\n`;
}

function formatHistogram(name: string, sample: HistogramSample): string {
  const { labels, buckets, sum, count } = sample;
  const bounds = buckets.slice(0, -1).map(([le]) => le);
  const values = [...buckets.map(([, total]) => total), sum, count];
  return formatHistogramSeries(name, labels, bounds)
    .map((series, i) => `${series} ${formatValue(values[i] ?? 0)}\n`)
    .join("");
}
