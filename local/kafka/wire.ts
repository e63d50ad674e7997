/**
 * Kafka's primitive types as bytes, in both directions.
 * @see https://kafka.apache.org/protocol.html#protocol_types
 */

/** Reads one value after the other; each throws a RangeError where the bytes end. */
export interface WireReader {
  boolean(): boolean;
  int8(): number;
  int16(): number;
  int32(): number;
  /** As a number: offsets and times are far below 2^53. */
  int64(): number;
  string(): string;
  nullableString(): string | null;
  /** Null becomes empty. */
  bytes(): Buffer;
  /** Null becomes empty. */
  array<T>(read: () => T): T[];
}

/** Most elements of an array that is believed. */
const MAX_ARRAY_LENGTH = 100_000;

export function readWire(buffer: Buffer): WireReader {
  let position = 0;
  const take = (bytes: number): number => {
    if (bytes < 0 || position + bytes > buffer.length) throw new RangeError("the request is cut");
    position += bytes;
    return position - bytes;
  };
  const slice = (bytes: number): Buffer => {
    const start = take(bytes);
    return buffer.subarray(start, start + bytes);
  };
  const int16 = () => buffer.readInt16BE(take(2));
  const int32 = () => buffer.readInt32BE(take(4));
  const nullableString = () => {
    const length = int16();
    return length < 0 ? null : slice(length).toString("utf8");
  };
  return {
    boolean: () => buffer.readInt8(take(1)) !== 0,
    int8: () => buffer.readInt8(take(1)),
    int16,
    int32,
    int64: () => Number(buffer.readBigInt64BE(take(8))),
    string: () => nullableString() ?? "",
    nullableString,
    bytes: () => slice(Math.max(0, int32())),
    array: (read) => {
      const length = int32();
      if (length > MAX_ARRAY_LENGTH) throw new RangeError(`an array of ${length} elements`);
      return Array.from({ length: Math.max(0, length) }, read);
    },
  };
}

/** Bytes to send, or a list of such. */
export type Wire = Buffer | readonly Wire[];

/** All of it in one piece. */
export function toBytes(wire: Wire): Buffer {
  return Buffer.concat(flatten(wire));
}

export function boolean(value: boolean): Buffer {
  return Buffer.from([value ? 1 : 0]);
}

export function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int64(value: number | bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

export function string(value: string | null): Wire {
  if (value === null) return int16(-1);
  const text = Buffer.from(value, "utf8");
  return [int16(text.length), text];
}

export function bytes(value: Buffer): Wire {
  return [int32(value.length), value];
}

export function array<T>(items: readonly T[], write: (item: T) => Wire): Wire {
  return [int32(items.length), items.map((item) => write(item))];
}

function flatten(wire: Wire): Buffer[] {
  return Buffer.isBuffer(wire) ? [wire] : wire.flatMap((part) => flatten(part));
}
