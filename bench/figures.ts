/**
 * How benches print what they measured.
 */

import { appendFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";

/** One line of the table that `npm run bench` prints. */
export interface Finding {
  /** What was measured, and beside what. */
  readonly what: string;
  readonly found: string;
  /** What it should be, where there is a target. */
  readonly target?: string;
  readonly isMet?: boolean;
}

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

/** How busy the machine is with everything, this included: above its cores, times are those of a queue. */
export function load(): string {
  return `load ${loadavg()[0]?.toFixed(1)}`;
}

/** A ratio against its upper limit. */
export function ratio(what: string, value: number, atMost: number): Finding {
  return {
    what,
    found: value.toFixed(2),
    target: `≤ ${atMost.toFixed(2)}`,
    isMet: value <= atMost,
  };
}

/** Prints findings, and adds them to the table of `npm run bench` when that runs this bench. */
export function report(findings: readonly Finding[]): void {
  const file = process.env["BENCH_FINDINGS"];
  if (file !== undefined) {
    appendFileSync(file, findings.map((finding) => `${JSON.stringify(finding)}\n`).join(""));
  }
  console.log(`\n${formatFindings(findings)}`);
}

/** Findings as a table in Markdown. */
export function formatFindings(findings: readonly Finding[]): string {
  const rows = findings.map(({ what, found, target = "", isMet }) => {
    const verdict = isMet === undefined ? "" : isMet ? " ✓" : " ✗";
    return `| ${what} | ${found}${verdict} | ${target} |`;
  });
  return ["| what | measured | target |", "|---|---|---|", ...rows].join("\n");
}

/** Calls each in turn, so many times: what disturbs the machine for a while disturbs them alike. */
export async function interleave<Name extends string, Result>(
  runs: number,
  measures: Readonly<Record<Name, () => Promise<Result>>>,
): Promise<Record<Name, Result[]>> {
  const results = {} as Record<Name, Result[]>;
  for (let run = 0; run < runs; run += 1) {
    for (const name of Object.keys(measures) as Name[]) {
      (results[name] ??= []).push(await measures[name]());
    }
  }
  return results;
}
