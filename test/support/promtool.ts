/**
 * promtool, the Prometheus project's own judge of metrics. It comes with Debian's `prometheus`
 * package; tests are skipped where it is missing, but never in CI.
 */

import { spawnSync } from "node:child_process";

export const isPromtoolMissing =
  process.env["CI"] === undefined && spawnSync("promtool", ["--version"]).error !== undefined;

export interface Verdict {
  /** What is no metrics text at all; empty when every line could be read. */
  readonly errors: readonly string[];
  /** What reads well and is named badly. */
  readonly lints: readonly string[];
}

/** Runs `promtool check metrics` over a text in the format 0.0.4. */
export function checkMetrics(text: string): Verdict {
  const { status, stdout, stderr, error } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  const lines = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
  if (status === 0) return { errors: [], lints: [] };
  return status === 3 ? { errors: [], lints: lines } : { errors: lines, lints: [] };
}
