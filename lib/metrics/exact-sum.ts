/**
 * Sums of doubles that are exact, and so the same in whatever order they are added. Rounding a sum
 * after every addition lets a total fall when its terms merely change places, and PromQL takes any
 * fall of a counter for a restart.
 */

/**
 * An exact sum: its value is `integer` plus all of `partials`. Integers, most of what is counted,
 * stay one safe integer; the rest is an expansion of doubles that don't overlap, smallest first.
 * @see Shewchuk, Adaptive Precision Floating-Point Arithmetic (1997), section 2.3
 */
export interface ExactSum {
  integer: number;
  readonly partials: number[];
}

/** A sum's exact value as plain numbers that add up to it: what the ledger stores. */
export type StoredSum = readonly number[];

/** A sum of nothing, or of one value. */
export function exactSum(value = 0): ExactSum {
  const sum = { integer: 0, partials: [] };
  addValue(sum, value);
  return sum;
}

/**
 * Adds one double. At the largest finite one a sum stands still, since the ledger's JSON knows no
 * `Infinity`; NaN, which none of our clients records, is left out.
 */
export function addValue(sum: ExactSum, value: number): void {
  const integer = sum.integer + value;
  if (Number.isSafeInteger(integer) && Number.isInteger(value)) sum.integer = integer;
  else growExpansion(sum.partials, value);
}

/** Adds another sum; `from` stays as it is. */
export function addSum(sum: ExactSum, from: ExactSum): void {
  addValue(sum, from.integer);
  for (const partial of from.partials) growExpansion(sum.partials, partial);
}

/** The double nearest to the exact sum, ties to even; it never falls when a sum grows. */
export function roundSum(sum: ExactSum): number {
  if (sum.partials.length === 0) return sum.integer;
  const expansion = [...sum.partials];
  growExpansion(expansion, sum.integer);
  return roundExpansion(expansion);
}

/** Whether nothing was added, or nothing but zeros. */
export function isZero(sum: ExactSum): boolean {
  return sum.integer === 0 && sum.partials.length === 0;
}

/** Plain numbers for storing; `fromStored` gives the same exact sum back. */
export function toStored(sum: ExactSum): StoredSum {
  return [sum.integer, ...sum.partials];
}

export function fromStored(stored: StoredSum): ExactSum {
  const sum = exactSum();
  for (const part of stored) addValue(sum, part);
  return sum;
}

/**
 * Adds a double to an expansion, keeping every bit; zeros are left out. Past the largest double all
 * that is kept is that one, whatever the order: sums of counters only grow.
 */
function growExpansion(expansion: number[], value: number): void {
  if (Number.isNaN(value)) return;
  let high = toFinite(value);
  let kept = 0;
  for (const partial of expansion) {
    const [larger, smaller] =
      Math.abs(high) < Math.abs(partial) ? [partial, high] : [high, partial];
    const sum = larger + smaller;
    if (!Number.isFinite(sum)) {
      expansion.splice(0, expansion.length, toFinite(sum));
      return;
    }
    const rest = smaller - (sum - larger);
    if (rest !== 0) expansion[kept++] = rest;
    high = sum;
  }
  expansion.length = kept;
  if (high !== 0) expansion.push(high);
}

function toFinite(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(value, Number.MAX_VALUE));
}

/**
 * Rounds an expansion once. Adding from the large end stops at the first inexact step; what is left
 * below decides a tie, so it is looked at before the result is final.
 */
function roundExpansion(expansion: readonly number[]): number {
  let index = expansion.length - 1;
  let high = expansion[index] ?? 0;
  let rest = 0;
  while (index > 0 && rest === 0) {
    index -= 1;
    const next = expansion[index] ?? 0;
    const sum = high + next;
    rest = next - (sum - high);
    high = sum;
  }
  const below = expansion[index - 1] ?? 0;
  if (rest !== 0 && Math.sign(rest) === Math.sign(below)) {
    const doubled = rest * 2;
    const rounded = high + doubled;
    if (rounded - high === doubled) return rounded;
  }
  return high;
}
