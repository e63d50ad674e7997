/**
 * How long one run of the retirement takes for 10,000 dead environments of 90 samples each, on the
 * newest Pushgateway with its consistency check and without, and a ledger in dynalite. The run is a
 * process of its own with the memory that Lambda gives its function, 512 MB.
 *
 *   node bench/retire.ts [--environments 10000]
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import type { LabelSet } from "../lib/metrics/family.ts";
import { openPushgateway } from "../lib/metrics/read/pushgateway.ts";
import { startTestDynamoDB } from "../test/support/dynamodb.ts";
import { load, machine, report, type Finding } from "./figures.ts";
import { newFleet, pushFleet, realPushgateway, SHAPES, type Shape } from "./fleet.ts";
import { WINDOWS, type Run } from "./retirer.ts";

const MAX_SECONDS = 60;
const MAX_RSS_MB = 512;
/** As Lambda's start script divides a function's memory: a tenth for new objects, in two halves. */
const NODE_FLAGS = ["--max-semi-space-size=25", "--max-old-space-size=461"];
/** A function of 512 MB has this part of a processor. */
const CPU_SHARE = 512 / 1_769;
/** After so many runs what is left is left. */
const MAX_RUNS = 10;

await runCommand("node bench/retire.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: { environments: { type: "string" } },
  });
  const limits = { min: 1, max: 1e5, fallback: 10_000 };
  const environments = numberOption("environments", values.environments, limits);
  console.log(`${machine()}, ${realPushgateway().name}, ${load()}`);
  const findings: Finding[] = [];
  for (const shape of SHAPES) {
    for (const consistencyCheck of [false, true]) {
      findings.push(...(await measureRun(shape, consistencyCheck, environments)));
    }
  }
  report(findings);
  return 0;
}

async function measureRun(
  shape: Shape,
  consistencyCheck: boolean,
  environments: number,
): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), "k2-retire-"));
  const database = await startTestDynamoDB();
  const persistencePath = join(folder, "groups");
  await fill(persistencePath, shape, environments);
  const pushgateway = await realPushgateway().start({ persistencePath, consistencyCheck });
  const arguments_ = [pushgateway.url, database.endpoint, database.table];
  const retirer = fork(`${import.meta.dirname}/retirer.ts`, arguments_, { execArgv: NODE_FLAGS });
  try {
    const runs: Run[] = [];
    for (let left = environments; left > 0 && runs.length < MAX_RUNS;) {
      retirer.send("run");
      const [run] = (await once(retirer, "message")) as [Run];
      runs.push(run);
      left -= run.deleted;
    }
    const left = await countGroups(pushgateway.url);
    return summarize(shape, consistencyCheck, { environments, runs, left });
  } finally {
    retirer.kill();
    await pushgateway.close();
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Pushing is quick without the check only, so groups come from a file. */
async function fill(persistencePath: string, shape: Shape, environments: number): Promise<void> {
  const pushgateway = await realPushgateway().start({ persistencePath, consistencyCheck: false });
  const keys = newFleet(environments);
  await pushFleet(pushgateway.url, shape, keys);
  await untilApplied(pushgateway.url, keys);
  await pushgateway.close();
  await delay((WINDOWS.retireAfterSeconds + 2) * 1_000);
}

/** Without the check an acknowledged push is only queued: the last one is applied last. */
async function untilApplied(url: string, keys: readonly LabelSet[]): Promise<void> {
  while ((await countGroups(url)) < keys.length) await delay(500);
}

async function countGroups(url: string): Promise<number> {
  const client = openPushgateway({ url, timeoutMs: 120_000 });
  let count = 0;
  for await (const _ of (await client.readGroups("bench")).groups) count += 1;
  client.close();
  return count;
}

interface Result {
  readonly environments: number;
  readonly runs: readonly Run[];
  /** Groups after the last run. */
  readonly left: number;
}

function summarize(
  { name }: Shape,
  consistencyCheck: boolean,
  { environments, runs, left }: Result,
): Finding[] {
  const check = consistencyCheck ? "with its check" : "without its check";
  const what = `${environments} dead environments of ${name}, ${check}`;
  console.log(`\n${what}, ${load()}`);
  for (const { ms, cpuMs, peakRssMb, folded, ghosts, deleted } of runs) {
    const seconds = (ms / 1_000).toFixed(1);
    const cpuSeconds = (cpuMs / 1_000).toFixed(1);
    const atShare = (cpuMs / 1_000 / CPU_SHARE).toFixed(0);
    console.log(
      `  ${seconds} s, CPU ${cpuSeconds} s (${atShare} s of a 512 MB function), ` +
        `peak ${Math.round(peakRssMb)} MB: ${folded} folded, ${ghosts} ghosts, ${deleted} deleted`,
    );
  }
  const [first] = runs;
  const seconds = (first?.ms ?? 0) / 1_000;
  const rss = Math.max(...runs.map(({ peakRssMb }) => peakRssMb));
  const isDone = runs.length === 1 && left === 0;
  return [
    {
      what: `one run for ${what}`,
      found: isDone ? `${seconds.toFixed(1)} s` : `${runs.length} runs, ${left} groups left`,
      target: `≤ ${MAX_SECONDS} s`,
      isMet: isDone && seconds <= MAX_SECONDS,
    },
    {
      what: `peak memory of that run`,
      found: `${Math.round(rss)} MB`,
      target: `≤ ${MAX_RSS_MB} MB`,
      isMet: rss <= MAX_RSS_MB,
    },
  ];
}
