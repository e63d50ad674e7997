/**
 * A partition: record batches one after the other in a file, an index of them in memory.
 */

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR, MESSAGE_TOO_LARGE, NONE } from "./error-codes.ts";
import { createProducerState } from "./producer-state.ts";
import { type BatchHead, HEAD_BYTES, placeBatch, readBatchHead } from "./record-batch.ts";

export interface PartitionLog {
  /** Offset of the next record. */
  endOffset(): number;
  /** Appends the batches of one request, in which none may be torn or too large. */
  append(batches: Buffer): { readonly error: number; readonly baseOffset: number };
  /** Whole batches from the one that holds this offset on: at least one, if there is one. */
  read(offset: number, maxBytes: number): Buffer;
  /** Offset of the first record with this time or a later one; -1 when there is none. */
  offsetAt(timestamp: number): number;
  close(): void;
}

export interface PartitionOptions {
  /** The file; made when it is not there. */
  readonly path: string;
  /** Most bytes of one batch. */
  readonly maxBatchBytes: number;
  /** Most bytes of the file; what does not fit is refused. Default: 256 MiB. */
  readonly maxBytes?: number;
  /** Called when there is something new to read. */
  readonly onAppend: () => void;
}

interface Entry extends BatchHead {
  /** In the file. */
  readonly position: number;
}

const MAX_BYTES = 256 * 1_024 * 1_024;
const LARGEST_READ_BYTES = 64 * 1_024 * 1_024;

/** Opens it with what it has; a batch torn at the end by a crash is cut off. */
export function openPartitionLog(options: PartitionOptions): PartitionLog {
  const { maxBytes: mostBytes = MAX_BYTES } = options;
  const file = openSync(options.path, "a+");
  const { entries, size } = readEntries(file);
  if (size < fstatSync(file).size) ftruncateSync(file, size);
  const producers = createProducerState();
  for (const entry of entries) producers.remember(entry, entry.baseOffset);
  let end = size;

  const endOffset = () => {
    const last = entries.at(-1);
    return last === undefined ? 0 : last.baseOffset + last.lastOffsetDelta + 1;
  };
  const appendOne = (batch: Buffer, head: BatchHead) => {
    const verdict = producers.check(head);
    if (verdict.kind === "refused") return { error: verdict.error, baseOffset: -1 };
    if (verdict.kind === "duplicate") return { error: NONE, baseOffset: verdict.baseOffset };
    const baseOffset = endOffset();
    writeSync(file, placeBatch(batch, baseOffset));
    entries.push({ ...head, baseOffset, position: end });
    end += batch.length;
    producers.remember(head, baseOffset);
    return { error: NONE, baseOffset };
  };

  return {
    endOffset,
    append: (bytes) => {
      const batches = split(bytes);
      if (batches === undefined) return { error: CORRUPT_MESSAGE, baseOffset: -1 };
      if (batches.some(({ head }) => head.bytes > options.maxBatchBytes))
        return { error: MESSAGE_TOO_LARGE, baseOffset: -1 };
      if (end + bytes.length > mostBytes) return { error: KAFKA_STORAGE_ERROR, baseOffset: -1 };
      const results = batches.map(({ batch, head }) => appendOne(batch, head));
      options.onAppend();
      return (
        results.find(({ error }) => error !== NONE) ??
        results[0] ?? { error: CORRUPT_MESSAGE, baseOffset: -1 }
      );
    },
    read: (offset, maxBytes) => {
      const first = firstIndex(
        entries,
        (entry) => entry.baseOffset + entry.lastOffsetDelta >= offset,
      );
      const { position } = entries[first] ?? { position: end };
      let last = position;
      for (let at = first; at < entries.length; at += 1) {
        const { bytes } = entries[at] ?? { bytes: 0 };
        const isTooMuch = last + bytes - position > Math.min(maxBytes, LARGEST_READ_BYTES);
        if (isTooMuch && last > position) break;
        last += bytes;
      }
      const found = Buffer.allocUnsafe(last - position);
      readSync(file, found, 0, found.length, position);
      return found;
    },
    offsetAt: (timestamp) =>
      entries.find((entry) => entry.maxTimestamp >= timestamp)?.baseOffset ?? -1,
    close: () => closeSync(file),
  };
}

/** The batches of a request; undefined when one of them is not whole. */
function split(bytes: Buffer): { batch: Buffer; head: BatchHead }[] | undefined {
  const batches = [];
  for (let at = 0; at < bytes.length;) {
    const head = readBatchHead(bytes, at);
    if (head === undefined || at + head.bytes > bytes.length) return undefined;
    batches.push({ batch: bytes.subarray(at, at + head.bytes), head });
    at += head.bytes;
  }
  return batches;
}

function readEntries(file: number): { entries: Entry[]; size: number } {
  const entries: Entry[] = [];
  const { size } = fstatSync(file);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES);
  let position = 0;
  while (readSync(file, bytes, 0, HEAD_BYTES, position) === HEAD_BYTES) {
    const head = readBatchHead(bytes);
    if (head === undefined || position + head.bytes > size) break;
    entries.push({ ...head, position });
    position += head.bytes;
  }
  return { entries, size: position };
}

/** Index of the first entry for which the claim holds, as it does for all after it. */
function firstIndex(entries: readonly Entry[], holds: (entry: Entry) => boolean): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const entry = entries[middle];
    if (entry !== undefined && holds(entry)) high = middle;
    else low = middle + 1;
  }
  return low;
}
