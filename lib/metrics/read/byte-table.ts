/**
 * Values by bytes, for keys that are looked up a million times and come in much the same order again
 * and again: it then takes a comparison, and no text is made of the bytes.
 */

import { isBytes, type Range } from "./protobuf-cursor.ts";

export interface ByteTable<T> {
  /** The value for two ranges of bytes together, made when they are new. */
  find(bytes: Buffer, first: Range, second: Range): T;
  /** In the order in which they were made. */
  readonly values: readonly T[];
}

interface Entry<T> {
  readonly value: T;
  readonly first: Buffer;
  readonly second: Buffer;
  /** The entry that was found after this one the last time. */
  next: Entry<T> | undefined;
}

/** Opens an empty one. @param make gets the place of the new value among all, and the bytes. */
export function createByteTable<T>(make: (index: number, bytes: Buffer) => T): ByteTable<T> {
  const entries = new Map<string, Entry<T>>();
  const values: T[] = [];
  let last: Entry<T> | undefined;

  function lookUp(bytes: Buffer, first: Range, second: Range): Entry<T> {
    const start = bytes.toString("latin1", first.start, first.end);
    // With a length before it, no key can look like another that is split elsewhere.
    const key = `${start.length} ${start}${bytes.toString("latin1", second.start, second.end)}`;
    let entry = entries.get(key);
    if (entry === undefined) {
      const value = make(values.length, bytes);
      values.push(value);
      entry = { value, first: copy(bytes, first), second: copy(bytes, second), next: undefined };
      entries.set(key, entry);
    }
    return entry;
  }

  return {
    values,
    find(bytes, first, second) {
      if (last !== undefined && isEntry(last, bytes, first, second)) return last.value;
      let entry = last?.next;
      if (entry === undefined || !isEntry(entry, bytes, first, second)) {
        entry = lookUp(bytes, first, second);
        if (last !== undefined) last.next = entry;
      }
      last = entry;
      return entry.value;
    },
  };
}

function isEntry<T>(entry: Entry<T>, bytes: Buffer, first: Range, second: Range): boolean {
  return (
    isBytes(bytes, first.start, first.end, entry.first) &&
    isBytes(bytes, second.start, second.end, entry.second)
  );
}

function copy(bytes: Buffer, { start, end }: Range): Buffer {
  return Buffer.from(bytes.subarray(start, end));
}
