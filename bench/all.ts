/**
 * `npm run bench`: every bench in turn, then one table of what they found against its targets. It
 * takes about half an hour; each also runs by itself, `node bench/page.ts`.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatFindings, load, machine, type Finding } from "./figures.ts";

/** Those that report to the table first; the rest print what they found. */
const BENCHES = [
  "record",
  "page",
  "retire",
  "history",
  "cold-start",
  "latency",
  "push",
  "adaptive",
  "load",
  "publish",
  "consume",
  "list-trades",
  "cost",
] as const;

const folder = mkdtempSync(join(tmpdir(), "k2-bench-"));
const findings = join(folder, "findings.jsonl");
writeFileSync(findings, "");
const failed: string[] = [];
for (const name of BENCHES) {
  console.log(`\n== ${name} (${load()})`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], {
    stdio: "inherit",
    env: { ...process.env, BENCH_FINDINGS: findings },
  });
  if (status !== 0) failed.push(name);
}
const found = readFileSync(findings, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Finding);
rmSync(folder, { recursive: true, force: true });
console.log(`\n${machine()}\n\n${formatFindings(found)}`);
if (failed.length > 0) console.log(`\nfailed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
