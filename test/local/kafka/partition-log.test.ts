import { statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  CORRUPT_MESSAGE,
  INVALID_PRODUCER_EPOCH,
  KAFKA_STORAGE_ERROR,
  MESSAGE_TOO_LARGE,
  NONE,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  UNKNOWN_PRODUCER_ID,
} from "../../../local/kafka/error-codes.ts";
import { openPartitionLog } from "../../../local/kafka/partition-log.ts";
import { HEAD_BYTES, readBatchHead } from "../../../local/kafka/record-batch.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const MAX_BATCH_BYTES = 1_000;

interface BatchSketch {
  readonly records?: number;
  readonly producerId?: number;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly timestamp?: number;
  readonly payload?: number;
}

/** A batch as a producer sends it, its records being any bytes. */
function batch(sketch: BatchSketch = {}): Buffer {
  const { records = 1, producerId = -1, epoch = 0, sequence = -1, timestamp = 0 } = sketch;
  const { payload = 10 } = sketch;
  const bytes = Buffer.alloc(HEAD_BYTES + payload, 7);
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt32BE(records - 1, 23);
  bytes.writeBigInt64BE(BigInt(timestamp), 35);
  bytes.writeBigInt64BE(BigInt(producerId), 43);
  bytes.writeInt16BE(epoch, 51);
  bytes.writeInt32BE(sequence, 53);
  bytes.writeInt32BE(records, 57);
  return bytes;
}

function open(path = join(tempFolder(), "trades-0.log")) {
  const log = openPartitionLog({ path, maxBatchBytes: MAX_BATCH_BYTES, onAppend: () => {} });
  return { log, path };
}

/** Base offsets of the batches in what was read. */
function offsetsIn(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const head = readBatchHead(bytes, at);
    if (head === undefined) throw new Error("a torn batch");
    offsets.push(head.baseOffset);
    at += head.bytes;
  }
  return offsets;
}

describe("a partition", () => {
  it("numbers records without a gap, several batches in one request included", () => {
    const { log } = open();
    expect(log.append(batch({ records: 3 }))).toEqual({ error: NONE, baseOffset: 0 });
    const two = Buffer.concat([batch({ records: 2 }), batch({ records: 4 })]);
    expect(log.append(two)).toEqual({ error: NONE, baseOffset: 3 });
    expect([log.endOffset(), offsetsIn(log.read(0, 10_000))]).toEqual([9, [0, 3, 5]]);
  });

  it.each([
    [0, 10_000, [0, 3, 6]],
    [2, 10_000, [0, 3, 6]],
    [3, 10_000, [3, 6]],
    [8, 10_000, [6]],
    [9, 10_000, []],
    [0, 1, [0]],
    [0, 2 * batch().length, [0, 3]],
  ])("read from %i with %i bytes to spare gives %j", (offset, maxBytes, expected) => {
    const { log } = open();
    for (let i = 0; i < 3; i += 1) log.append(batch({ records: 3 }));
    expect(offsetsIn(log.read(offset, maxBytes))).toEqual(expected);
  });

  it("finds the first records with a time or a later one", () => {
    const { log } = open();
    for (const timestamp of [10, 20, 30]) log.append(batch({ timestamp }));
    expect([5, 20, 21, 31].map((time) => log.offsetAt(time))).toEqual([0, 1, 2, -1]);
  });

  it.each([
    ["no bytes", Buffer.alloc(0), CORRUPT_MESSAGE],
    ["half a batch", batch().subarray(0, -1), CORRUPT_MESSAGE],
    ["one and a half", Buffer.concat([batch(), batch().subarray(0, 30)]), CORRUPT_MESSAGE],
    ["something else", Buffer.alloc(200, 1), CORRUPT_MESSAGE],
    ["a batch that is too large", batch({ payload: MAX_BATCH_BYTES }), MESSAGE_TOO_LARGE],
  ])("refuses %s and appends nothing", (_fact, bytes, error) => {
    const { log } = open();
    expect(log.append(bytes)).toEqual({ error, baseOffset: -1 });
    expect(log.endOffset()).toBe(0);
  });

  it("refuses what its file has no room for, and says so", () => {
    const path = join(tempFolder(), "trades-0.log");
    const maxBytes = 2.5 * batch().length;
    const log = openPartitionLog({ path, maxBatchBytes: 1_000, maxBytes, onAppend: () => {} });
    const errors = [1, 2, 3].map(() => log.append(batch()).error);
    expect([errors, log.endOffset()]).toEqual([[NONE, NONE, KAFKA_STORAGE_ERROR], 2]);
  });

  const idempotent = { producerId: 5, records: 2 };
  it.each<[fact: string, former: BatchSketch[], next: BatchSketch, error: number, offset: number]>([
    ["the next of a producer", [{ sequence: 0 }], { sequence: 2 }, NONE, 2],
    ["the same again", [{ sequence: 0 }, { sequence: 2 }], { sequence: 0 }, NONE, 0],
    ["one with a gap", [{ sequence: 0 }], { sequence: 4 }, OUT_OF_ORDER_SEQUENCE_NUMBER, -1],
    ["one of a producer it does not know", [], { sequence: 2 }, UNKNOWN_PRODUCER_ID, -1],
    ["the first of a newer epoch", [{ sequence: 0 }], { sequence: 0, epoch: 1 }, NONE, 2],
    [
      "one of an older epoch",
      [{ sequence: 0, epoch: 1 }],
      { sequence: 2, epoch: 0 },
      INVALID_PRODUCER_EPOCH,
      -1,
    ],
  ])(
    "answers %s as Kafka does, also after it was opened again",
    (_fact, former, next, error, offset) => {
      const { log, path } = open();
      for (const sketch of former) log.append(batch({ ...idempotent, ...sketch }));
      log.close();
      const again = open(path).log;
      expect(again.append(batch({ ...idempotent, ...next }))).toEqual({
        error,
        baseOffset: offset,
      });
    },
  );

  it("loses nothing but the batch that a crash tore", () => {
    const { log, path } = open();
    for (let i = 0; i < 3; i += 1) log.append(batch({ records: 2 }));
    log.close();
    truncateSync(path, statSync(path).size - 1);
    const again = open(path).log;
    expect([again.endOffset(), offsetsIn(again.read(0, 10_000))]).toEqual([4, [0, 2]]);
    expect(again.append(batch())).toEqual({ error: NONE, baseOffset: 4 });
    expect(offsetsIn(again.read(0, 10_000))).toEqual([0, 2, 4]);
  });
});
