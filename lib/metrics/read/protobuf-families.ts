/**
 * Cuts a page of delimited `MetricFamily` messages into families and their metrics while it arrives,
 * so that no more than one metric of it is held, however many a family has.
 * @see https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */

import { readLength, readVarint, sizeOfValue, tryVarint, type Cursor } from "./protobuf-cursor.ts";

export interface FamilyHead {
  readonly name: string;
  readonly help: string;
  /** A number of the enum `MetricType`. */
  readonly type: number;
}

export interface FamilyVisitor {
  /** A family with metrics begins. */
  family(head: FamilyHead): void;
  /** One of its metrics: the message `Metric` between the cursor's place and end. */
  metric(cursor: Cursor): void;
}

/** A Pushgateway of 5,000 groups with 100 series each answers with 0.1 GB. */
const MAX_PAGE_BYTES = 2 ** 30;
/** A metric is some hundred bytes, one with a hundred buckets some thousand. */
const MAX_FIELD_BYTES = 2 ** 20;

/** Tags: a field's number, and how its value is written. */
const [NAME, HELP, TYPE, METRIC] = [0x0a, 0x12, 0x18, 0x22] as const;
/** What is not there has its default. */
const NO_HEAD = { name: "", help: "", type: 0 };

/**
 * Reads a page to its end.
 * @throws {Error} when it is not whole families, is larger than 1 GiB, or one field of a family is
 *   larger than 1 MiB; also when a family's metrics don't come behind its name and type, as the format
 *   allows and no Pushgateway does.
 */
export async function readFamilies(
  chunks: AsyncIterable<Buffer>,
  visitor: FamilyVisitor,
): Promise<void> {
  const scanner = createScanner(visitor);
  let bytes = 0;
  let begun: Buffer[] = [];
  let begunBytes = 0;

  /** Keeps what the scanner left over. */
  const keep = (rest: Buffer) => {
    begun = rest.length === 0 ? [] : [rest];
    begunBytes = rest.length;
  };

  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > MAX_PAGE_BYTES) throw new Error(`a page of over ${MAX_PAGE_BYTES} bytes`);
    let rest = chunk;
    // What began in a former chunk is put together alone: only so much is copied.
    while (begunBytes > 0 && rest.length > 0) {
      const missing = rest.subarray(0, scanner.neededBytes() - begunBytes);
      begun.push(missing);
      begunBytes += missing.length;
      rest = rest.subarray(missing.length);
      if (begunBytes >= scanner.neededBytes()) keep(scanner.scan(Buffer.concat(begun)));
    }
    if (rest.length > 0) keep(scanner.scan(rest));
  }
  if (begunBytes > 0 || scanner.isWithinFamily()) throw new Error("the page ends in the middle");
}

interface Scanner {
  /** Reads what is whole. @returns the rest, which is to come again with more behind it. */
  scan(bytes: Buffer): Buffer;
  /** The rest is not worth scanning before it is so long. */
  neededBytes(): number;
  isWithinFamily(): boolean;
}

function createScanner(visitor: FamilyVisitor): Scanner {
  const cursor: Cursor = { bytes: Buffer.alloc(0), at: 0, end: 0 };
  let head = { ...NO_HEAD };
  let hasMetrics = false;
  /** Of the family that is being read. */
  let familyBytes = 0;
  let neededBytes = 0;

  /** Reads a family's length, if it is there whole. */
  function beginFamily(): boolean {
    const length = tryVarint(cursor);
    if (length === undefined) {
      neededBytes = cursor.end - cursor.at + 1;
      return false;
    }
    if (length > MAX_PAGE_BYTES) throw new Error(`a family of ${length} bytes`);
    familyBytes = length;
    head = { ...NO_HEAD };
    hasMetrics = false;
    return true;
  }

  /** Reads a field of the family, if it is there whole. */
  function readField(): boolean {
    const { at, end } = cursor;
    const tag = tryVarint(cursor);
    const valueAt = cursor.at;
    const valueBytes = tag === undefined ? undefined : sizeOfValue(cursor, tag);
    const bytes = valueBytes === undefined ? end - at + 1 : valueAt - at + valueBytes;
    if (bytes > familyBytes) throw new Error("a field that reaches past its family");
    if (bytes > MAX_FIELD_BYTES) throw new Error(`a field of ${bytes} bytes`);
    if (tag === undefined || bytes > end - at) {
      neededBytes = bytes;
      return false;
    }
    cursor.end = at + bytes;
    takeField(tag);
    cursor.at = at + bytes;
    familyBytes -= bytes;
    return true;
  }

  function takeField(tag: number): void {
    if (tag === METRIC) takeMetric();
    else if (hasMetrics && tag <= TYPE) throw new Error(`family ${head.name}: no head of its own`);
    else if (tag === NAME) head.name = readText(cursor);
    else if (tag === HELP) head.help = readText(cursor);
    else if (tag === TYPE) head.type = readVarint(cursor);
  }

  function takeMetric(): void {
    if (!hasMetrics) {
      if (head.name === "") throw new Error("a family without a name before its metrics");
      visitor.family(head);
      hasMetrics = true;
    }
    readLength(cursor);
    visitor.metric(cursor);
  }

  function scan(bytes: Buffer): Buffer {
    cursor.bytes = bytes;
    let read = 0;
    while (read < bytes.length) {
      cursor.at = read;
      cursor.end = bytes.length;
      const isWhole = familyBytes === 0 ? beginFamily() : readField();
      if (!isWhole) break;
      read = cursor.at;
    }
    return bytes.subarray(read);
  }

  return { scan, neededBytes: () => neededBytes, isWithinFamily: () => familyBytes > 0 };
}

function readText(cursor: Cursor): string {
  const length = readLength(cursor);
  return cursor.bytes.toString("utf8", cursor.at, cursor.at + length);
}
