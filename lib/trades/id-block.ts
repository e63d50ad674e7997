/**
 * Which trade ids exist, and when each trade was: up to 256 neighbouring ids in one small item. It
 * is what keeps an identity unique whatever timestamp it comes with, for a fraction of a write each.
 */

import type { Micros16 } from "./timestamp.ts";

/** Place of each known id in its block, 0 to 255, and its trade's time. */
export type IdBlock = ReadonlyMap<number, Micros16>;

const BASE = 128;
/** Times are kept as differences from 10^15, the lowest of 16 digits: those fit a safe integer. */
const LOWEST = 10n ** 15n;

/**
 * Packs a block: for each id in order of place, the distance to the place before (doubled, plus one
 * when time went back) and the distance in microseconds, both as base-128 varints. Around four bytes
 * an id when trades are close in time.
 */
export function encodeIdBlock(block: IdBlock): Uint8Array {
  const bytes: number[] = [];
  let [lastPlace, lastTime] = [0, 0];
  for (const [place, time16] of [...block].sort(([a], [b]) => a - b)) {
    const time = Number(BigInt(time16) - LOWEST);
    pushVarint(bytes, (place - lastPlace) * 2 + (time < lastTime ? 1 : 0));
    pushVarint(bytes, Math.abs(time - lastTime));
    [lastPlace, lastTime] = [place, time];
  }
  return Uint8Array.from(bytes);
}

/** Unpacks what `encodeIdBlock` made. */
export function decodeIdBlock(bytes: Uint8Array): Map<number, Micros16> {
  const block = new Map<number, Micros16>();
  let [place, time, offset] = [0, 0, 0];
  while (offset < bytes.length) {
    const step = readVarint(bytes, offset);
    const distance = readVarint(bytes, step.end);
    place += Math.floor(step.value / 2);
    time += step.value % 2 === 1 ? -distance.value : distance.value;
    block.set(place, String(BigInt(time) + LOWEST));
    offset = distance.end;
  }
  return block;
}

/** Numbers go up to 2^53, so division rather than bit operators. */
function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= BASE) {
    bytes.push((rest % BASE) + BASE);
    rest = Math.floor(rest / BASE);
  }
  bytes.push(rest);
}

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let [value, factor, end] = [0, 1, start];
  for (;;) {
    const byte = bytes[end] ?? 0;
    end += 1;
    value += (byte % BASE) * factor;
    if (byte < BASE) return { value, end };
    factor *= BASE;
  }
}
