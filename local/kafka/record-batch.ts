/**
 * The head of a record batch, the unit in which records are produced, kept and fetched. What is
 * behind it, compressed or not, is nobody's business but producers' and consumers'.
 * @see https://kafka.apache.org/documentation/#recordbatch
 */

export interface BatchHead {
  readonly baseOffset: number;
  /** Of the whole batch. */
  readonly bytes: number;
  /** Records in it, less one. */
  readonly lastOffsetDelta: number;
  readonly maxTimestamp: number;
  /** -1 when it is not idempotent. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Number of its first record among those this producer sent to the partition. */
  readonly baseSequence: number;
}

/** Bytes of a batch without records. */
export const HEAD_BYTES = 61;
/** Bytes before those that its length counts. */
const LENGTH_END = 12;
const MAGIC = 2;

/** Reads the head at a position; undefined when there is no whole, sound batch. */
export function readBatchHead(buffer: Buffer, at = 0): BatchHead | undefined {
  if (buffer.length - at < HEAD_BYTES) return undefined;
  const bytes = buffer.readInt32BE(at + 8) + LENGTH_END;
  const lastOffsetDelta = buffer.readInt32BE(at + 23);
  const isSound =
    buffer.readInt8(at + 16) === MAGIC &&
    bytes >= HEAD_BYTES &&
    lastOffsetDelta >= 0 &&
    buffer.readInt32BE(at + 57) === lastOffsetDelta + 1;
  if (!isSound) return undefined;
  return {
    baseOffset: Number(buffer.readBigInt64BE(at)),
    bytes,
    lastOffsetDelta,
    maxTimestamp: Number(buffer.readBigInt64BE(at + 35)),
    producerId: buffer.readBigInt64BE(at + 43),
    producerEpoch: buffer.readInt16BE(at + 51),
    baseSequence: buffer.readInt32BE(at + 53),
  };
}

/** The same batch at another offset, which its checksum leaves out. */
export function placeBatch(batch: Buffer, baseOffset: number): Buffer {
  const placed = Buffer.from(batch);
  placed.writeBigInt64BE(BigInt(baseOffset), 0);
  return placed;
}
