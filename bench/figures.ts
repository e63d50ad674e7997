/**
 * How benches print what they measured.
 */

import { availableParallelism, cpus } from "node:os";

/** The middle value, which no single bad run moves; of an even number the upper of the two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** A rate for people: `4,513`. */
export function round(rate: number): string {
  return Math.round(rate).toLocaleString("en-US");
}

/** What the figures were measured on. */
export function machine(): string {
  return `${cpus()[0]?.model}, ${availableParallelism()} cores, Node.js ${process.version}`;
}
