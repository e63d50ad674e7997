/**
 * What one invocation of a chaos run does and records: the same for every way of pushing, and known
 * from its number alone, so that what was recorded can be told exactly afterwards.
 */

import { openSync, writeSync } from "node:fs";
import { basename, join } from "node:path";

/** The event of an invocation. */
export interface Work {
  /** From 0; no other invocation of the run has it. */
  readonly number: number;
  /** Time between its two parts, in milliseconds. */
  readonly workMs: number;
  /**
   * `hangs`: never reaches its second part; Lambda kills the process at the deadline. `dies`: neither,
   * since an exception that nobody can catch ends the process.
   */
  readonly fate: "answers" | "throws" | "hangs" | "dies";
}

export type Part = 1 | 2;

/** What one part records: into each of four families once. */
export interface Recorded {
  readonly kind: string;
  /** A whole number, for a counter. */
  readonly orders: number;
  /** A multiple of 1/1024, for a counter: sums of these are exact in any order. */
  readonly spent: number;
  /** A multiple of 0.1, for a counter: sums of these are rounded. */
  readonly weight: number;
  /** A multiple of 1/256, for a histogram. */
  readonly seconds: number;
}

export const KINDS = ["limit", "market", "stop"] as const;
/** Upper bounds of the histogram of seconds. */
export const SECONDS_BOUNDS = [0.0625, 0.25, 0.5, 1, 2] as const;

/** Families that the work records, beside one that counts by process. */
export const FAMILIES = {
  process: "chaos_process_orders_total",
  orders: "chaos_orders_total",
  spent: "chaos_spent_total",
  weight: "chaos_weight_total",
  seconds: "chaos_duration_seconds",
} as const;

/** What a part records; a pure function of the invocation's number. */
export function recordedBy(number: number, part: Part): Recorded {
  const bits = scramble(2 * number + part);
  return {
    kind: KINDS[bits % KINDS.length] ?? "",
    orders: 1 + ((bits >>> 2) % 3),
    spent: (1 + ((bits >>> 4) % 50_000)) / 1_024,
    weight: (1 + ((bits >>> 8) % 90)) / 10,
    seconds: ((bits >>> 12) % 768) / 256,
  };
}

/** This process's name in the metrics and in the truth: no other process of the run has it. */
export const processName = `${basename(process.env["TMPDIR"] ?? "")}-${process.pid}`;

/**
 * Does the work. Each part is written down as soon as it is recorded, into a file outside of the
 * environment: a process that is killed in between has recorded it for nobody.
 * @throws {Error} when that is its fate.
 */
export async function doWork(
  { number, workMs, fate }: Work,
  record: (recorded: Recorded) => void,
): Promise<number> {
  recordPart(number, 1, record);
  if (fate === "dies") setTimeout(dieUncaught, workMs);
  const isEndless = fate === "hangs" || fate === "dies";
  await new Promise((resolve) => setTimeout(resolve, isEndless ? 600_000 : workMs));
  recordPart(number, 2, record);
  if (fate === "throws") throw new Error("as the event says");
  return number;
}

function dieUncaught(): never {
  throw new Error("uncaught, as the event says");
}

let truthFile: number | undefined;

function recordPart(number: number, part: Part, record: (recorded: Recorded) => void): void {
  record(recordedBy(number, part));
  truthFile ??= openSync(join(process.env["CHAOS_TRUTH"] ?? "", processName), "a");
  writeSync(truthFile, `${number} ${part}\n`);
}

/** A number's bits well mixed (the finaliser of MurmurHash3, by Austin Appleby). */
function scramble(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
