/**
 * Reads one protobuf message `Metric`: where its labels stand, and its value. What is not needed
 * (timestamps, exemplars, whatever later versions add) is passed over.
 * @see https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */

import {
  isBytes,
  readDouble,
  readLength,
  readVarint,
  skipValue,
  type Cursor,
  type Range,
} from "./protobuf-cursor.ts";

/** Where a metric's labels stand, and the values of two of them; an absent one's range is empty. */
export interface LabelRanges {
  readonly all: Range;
  /** Of the labels, what is before the value of `instance` and what is behind it. */
  readonly beforeInstance: Range;
  readonly afterInstance: Range;
  readonly instance: Range;
  readonly job: Range;
}

/** A histogram as it was written. */
export interface WrittenHistogram {
  /** Upper bounds in the order of the message; `Infinity` need not be among them. */
  readonly bounds: number[];
  /** Cumulative, one a bound. */
  readonly counts: number[];
  sum: number;
  count: number;
  /** Whether its buckets are those of a native histogram. */
  isNative: boolean;
}

/** Tags of each message: a field's number, and how its value is written. */
const METRIC = { label: 0x0a, gauge: 0x12, counter: 0x1a, histogram: 0x3a } as const;
const LABEL = { name: 0x0a, value: 0x12 } as const;
const VALUE = 0x09; // Of `Gauge` and `Counter` alike.
const HISTOGRAM = { count: 0x08, sum: 0x11, bucket: 0x1a, floatCount: 0x21 } as const;
const NATIVE_SPANS: ReadonlySet<number> = new Set([0x4a, 0x62]);
const BUCKET = { count: 0x08, bound: 0x11, floatCount: 0x21 } as const;

const INSTANCE = Buffer.from("instance");
const JOB = Buffer.from("job");

/** Ranges for `findLabels` to fill. */
export function emptyRanges(): LabelRanges {
  const none = () => ({ start: 0, end: 0 });
  return {
    all: none(),
    beforeInstance: none(),
    afterInstance: none(),
    instance: none(),
    job: none(),
  };
}

/**
 * Finds a metric's labels, which stand before all else, and moves behind them.
 * @param ranges is overwritten, since this is called for each of up to a million metrics.
 * @throws {Error} when a label is not a whole `LabelPair`.
 */
export function findLabels(cursor: Cursor, ranges: LabelRanges): void {
  const { bytes, end, at: start } = cursor;
  const { instance, job } = ranges;
  setRange(instance, start, start);
  setRange(job, start, start);
  while (cursor.at < end && bytes[cursor.at] === METRIC.label) {
    const pairEnd = enterField(cursor, METRIC.label);
    const nameEnd = enterField(cursor, LABEL.name);
    const nameStart = cursor.at;
    cursor.at = nameEnd;
    const valueEnd = enterField(cursor, LABEL.value);
    if (valueEnd !== pairEnd) throw new Error("a label that is more than a name and a value");
    if (isBytes(bytes, nameStart, nameEnd, INSTANCE)) setRange(instance, cursor.at, valueEnd);
    else if (isBytes(bytes, nameStart, nameEnd, JOB)) setRange(job, cursor.at, valueEnd);
    cursor.at = valueEnd;
  }
  setRange(ranges.all, start, cursor.at);
  setRange(ranges.beforeInstance, start, instance.start);
  setRange(ranges.afterInstance, instance.end, cursor.at);
}

/** Reads the labels that `findLabels` found. */
export function readLabels(bytes: Buffer, { start, end }: Range): Record<string, string> {
  const cursor = { bytes, at: start, end };
  const labels: Record<string, string> = {};
  while (cursor.at < end) {
    enterField(cursor, METRIC.label);
    const name = readText(cursor, LABEL.name);
    labels[name] = readText(cursor, LABEL.value);
  }
  return labels;
}

/** Reads the value behind a metric's labels. @throws {Error} when there is none of this type. */
export function readValue(cursor: Cursor, type: "counter" | "gauge"): number {
  cursor.end = findField(cursor, METRIC[type], type);
  let value = 0;
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === VALUE) value = readDouble(cursor);
    else skipValue(cursor, tag);
  }
  return value;
}

/** Reads the histogram behind a metric's labels. @throws {Error} when there is none. */
export function readHistogram(cursor: Cursor): WrittenHistogram {
  cursor.end = findField(cursor, METRIC.histogram, "histogram");
  const histogram: WrittenHistogram = { bounds: [], counts: [], sum: 0, count: 0, isNative: false };
  let floatCount = 0;
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === HISTOGRAM.bucket) readBucket(cursor, histogram);
    else if (tag === HISTOGRAM.count) histogram.count = readVarint(cursor);
    else if (tag === HISTOGRAM.floatCount) floatCount = readDouble(cursor);
    else if (tag === HISTOGRAM.sum) histogram.sum = readDouble(cursor);
    else {
      if (NATIVE_SPANS.has(tag)) histogram.isNative = true;
      skipValue(cursor, tag);
    }
  }
  if (floatCount > 0) histogram.count = floatCount;
  return histogram;
}

function readBucket(cursor: Cursor, { bounds, counts }: WrittenHistogram): void {
  const histogramEnd = cursor.end;
  const length = readLength(cursor);
  cursor.end = cursor.at + length;
  let [bound, count, floatCount] = [0, 0, 0];
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === BUCKET.count) count = readVarint(cursor);
    else if (tag === BUCKET.bound) bound = readDouble(cursor);
    else if (tag === BUCKET.floatCount) floatCount = readDouble(cursor);
    else skipValue(cursor, tag);
  }
  bounds.push(bound);
  counts.push(floatCount > 0 ? floatCount : count);
  cursor.end = histogramEnd;
}

/** Moves to the value of a message's field, passing over others. @returns its end. */
function findField(cursor: Cursor, wanted: number, name: string): number {
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === wanted) {
      const length = readLength(cursor);
      return cursor.at + length;
    }
    skipValue(cursor, tag);
  }
  throw new Error(`a metric without a ${name}`);
}

/** Moves to the value of the field that must stand here. @returns its end. */
function enterField(cursor: Cursor, tag: number): number {
  if (cursor.at >= cursor.end || cursor.bytes[cursor.at] !== tag) {
    throw new Error("a label that is not a name and a value");
  }
  cursor.at += 1;
  const length = readLength(cursor);
  return cursor.at + length;
}

function readText(cursor: Cursor, tag: number): string {
  const end = enterField(cursor, tag);
  const text = cursor.bytes.toString("utf8", cursor.at, end);
  cursor.at = end;
  return text;
}

function setRange(range: Range, start: number, end: number): void {
  range.start = start;
  range.end = end;
}
