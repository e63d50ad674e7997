/**
 * Writes families as delimited protobuf messages, byte for byte as the Pushgateway does.
 * @see https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */

import type { HistogramSample, LabelSet } from "../../lib/metrics/family.ts";
import type { ParsedFamily, SummarySample } from "./exposition.ts";

/** Numbers of the enum `MetricType`. */
const TYPES = { counter: 0, gauge: 1, summary: 2, untyped: 3, histogram: 4 } as const;
/** Fields of the message `Metric`. */
const METRIC = { gauge: 2, counter: 3, summary: 4, untyped: 5, histogram: 7 } as const;

/** Writes families in the given order; help is left out where there is none. */
export function printProtobuf(families: Iterable<ParsedFamily>): Buffer {
  const messages = [...families].map(printFamily);
  return Buffer.concat(messages.flatMap((message) => [varint(message.length), message]));
}

function printFamily(family: ParsedFamily): Buffer {
  const { name, help, type } = family;
  return Buffer.concat([
    text(1, name),
    help === "" ? Buffer.alloc(0) : text(2, help),
    count(3, TYPES[type]),
    ...printMetrics(family).map((metric) => message(4, metric)),
  ]);
}

function printMetrics(family: ParsedFamily): Buffer[][] {
  const { type, samples } = family;
  if (type === "histogram") {
    return samples.map((one) => printMetric(one.labels, METRIC.histogram, printHistogram(one)));
  }
  if (type === "summary") {
    return samples.map((one) => printMetric(one.labels, METRIC.summary, printSummary(one)));
  }
  return samples.map(({ labels, value }) => printMetric(labels, METRIC[type], [double(1, value)]));
}

function printMetric(labels: LabelSet, field: number, value: readonly Buffer[]): Buffer[] {
  const pairs = Object.entries(labels).map(([label, of]) =>
    message(1, [text(1, label), text(2, of)]),
  );
  return [...pairs, message(field, value)];
}

/** One fraction makes all counts floats. */
function printHistogram({ buckets, sum, count: all }: HistogramSample): Buffer[] {
  const isWhole = [all, ...buckets.map(([, total]) => total)].every(isCount);
  return [
    ...(isWhole ? [count(1, all)] : []),
    double(2, sum),
    ...buckets.map(([le, total]) =>
      isWhole
        ? message(3, [count(1, total), double(2, le)])
        : message(3, [double(2, le), double(4, total)]),
    ),
    ...(isWhole ? [] : [double(4, all)]),
  ];
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value < 2 ** 64;
}

function printSummary({ quantiles, sum, count: all }: SummarySample): Buffer[] {
  const points = quantiles.map(([quantile, value]) =>
    message(3, [double(1, quantile), double(2, value)]),
  );
  return [count(1, all), double(2, sum), ...points];
}

function message(field: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
}

function text(field: number, value: string): Buffer {
  return message(field, [Buffer.from(value)]);
}

function count(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8((field << 3) | 1);
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
