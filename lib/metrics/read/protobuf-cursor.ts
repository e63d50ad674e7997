/**
 * A place in bytes of the protobuf wire format, and what can be read there.
 * @see https://protobuf.dev/programming-guides/encoding/
 */

/** A place in a message; reading moves it. */
export interface Cursor {
  bytes: Buffer;
  at: number;
  /** Where the message ends, at most where the bytes do. */
  end: number;
}

/** Some of the bytes. */
export interface Range {
  start: number;
  end: number;
}

/** How a field's value is written: the low three bits of its tag. */
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A varint of 64 bits. */
const MAX_VARINT_BYTES = 10;

/**
 * Reads an unsigned varint of up to 64 bits; above 2^53 it is rounded once, to the nearest double.
 * @throws {Error} when the message ends within it, or it has more than 64 bits.
 */
export function readVarint(cursor: Cursor): number {
  const value = tryVarint(cursor);
  if (value === undefined) throw endsEarly();
  return value;
}

/** As `readVarint`; when the message ends within it, it is not read and nothing is returned. */
export function tryVarint(cursor: Cursor): number | undefined {
  const { bytes, at, end } = cursor;
  const first = bytes[at] ?? 0;
  if (first >= 0x80 || at >= end) return tryLongVarint(cursor);
  cursor.at = at + 1;
  return first;
}

/** Reads a length; the cursor's place is then the start of what is so long. @throws {Error} as `readVarint` */
export function readLength(cursor: Cursor): number {
  const length = readVarint(cursor);
  if (length > cursor.end - cursor.at) throw endsEarly();
  return length;
}

/** Reads a double. @throws {Error} when the message ends within it. */
export function readDouble(cursor: Cursor): number {
  const { at } = cursor;
  skipBytes(cursor, 8);
  return cursor.bytes.readDoubleLE(at);
}

/**
 * The size of a field's value, its length included, when the cursor is behind the field's tag. The
 * cursor is not moved. Nothing when the message ends before that can be told.
 * @throws {Error} for a wire type that is none.
 */
export function sizeOfValue(cursor: Cursor, tag: number): number | undefined {
  const { at } = cursor;
  const wire = tag & 7;
  if (wire === WIRE.fixed64) return 8;
  if (wire === WIRE.fixed32) return 4;
  if (wire !== WIRE.bytes && wire !== WIRE.varint) throw new Error(`a field of wire type ${wire}`);
  const number = tryVarint(cursor);
  const size = cursor.at - at + (wire === WIRE.bytes ? (number ?? 0) : 0);
  cursor.at = at;
  return number === undefined ? undefined : size;
}

/** Passes over the value of a field that is not known. @throws {Error} when the message ends within it. */
export function skipValue(cursor: Cursor, tag: number): void {
  skipBytes(cursor, sizeOfValue(cursor, tag) ?? Infinity);
}

/** Whether these bytes are those. */
export function isBytes(bytes: Buffer, start: number, end: number, those: Buffer): boolean {
  if (end - start !== those.length) return false;
  for (let i = 0; i < those.length; i += 1) if (bytes[start + i] !== those[i]) return false;
  return true;
}

function skipBytes(cursor: Cursor, count: number): void {
  if (count > cursor.end - cursor.at) throw endsEarly();
  cursor.at += count;
}

function endsEarly(): Error {
  return new Error("a message ends within a field");
}

/** In two halves, since integers are exact up to 53 bits only: joining them rounds once. */
function tryLongVarint(cursor: Cursor): number | undefined {
  const { bytes, at, end } = cursor;
  let [low, high] = [0, 0];
  for (let i = 0; i < MAX_VARINT_BYTES; i += 1) {
    if (at + i >= end) return undefined;
    const byte = bytes[at + i] ?? 0;
    if (i < 4) low += (byte & 0x7f) * 2 ** (7 * i);
    else high += (byte & 0x7f) * 2 ** (7 * (i - 4));
    if (byte >= 0x80) continue;
    if (high >= 2 ** 36) break;
    cursor.at = at + i + 1;
    return high * 2 ** 28 + low;
  }
  throw new Error("a number of more than 64 bits");
}
