/**
 * promtool, the Prometheus project's own judge of metrics. It comes with Debian's `prometheus`
 * package; tests are skipped where it is missing, but never in CI.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { tempFolder } from "./temp-folder.ts";

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

const RULES_FOLDER = join(import.meta.dirname, "../../ops/prometheus/rules");
/** Every file of rules, by its path. */
export const RULE_FILES = readdirSync(RULES_FOLDER).map((name) => join(RULES_FOLDER, name));

/** What promtool says. @throws {Error} with all of it where it finds fault. */
export function promtool(...args: readonly string[]): string {
  try {
    return execFileSync("promtool", args, { encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`promtool ${args.join(" ")}:\n${stdout}${stderr}`, { cause: error });
  }
}

/**
 * Runs `promtool test rules`. It evaluates groups of one instant in any order, so no
 * test may ask at an instant at which an alert of one group waits for a series of another.
 * @param interval of samples and of evaluations, such as `1m`.
 */
export function testRules(
  tests: readonly object[],
  interval: string,
  ruleFiles: readonly string[] = RULE_FILES,
): string {
  const path = join(tempFolder(), "case.yml");
  const all = tests.map((test) => ({ interval, ...test }));
  writeFileSync(
    path,
    stringify({ rule_files: ruleFiles, evaluation_interval: interval, tests: all }),
  );
  return promtool("test", "rules", path);
}
