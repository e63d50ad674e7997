/**
 * What a Pushgateway takes: pushes a second at so many groups of 90 samples, with its consistency check
 * and without, by shape.
 *
 *   node bench/push.ts [--groups 100,1000] [--runs 5] [--seconds 3]
 */

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabelSet } from "../lib/metrics/family.ts";
import { openPushgateway } from "../lib/metrics/read/pushgateway.ts";
import { numberOption, parseOptions, runCommand, UsageError } from "../local/options.ts";
import { interleave, load, machine, median, report, round, type Finding } from "./figures.ts";
import { makePayload, newFleet, pushFleet, realPushgateway, SHAPES, type Shape } from "./fleet.ts";

/** Environments that push at once, each one push after the other. */
const PUSHERS = 8;
const PUSH_TIMEOUT_MS = 120_000;

await runCommand("node bench/push.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: { groups: { type: "string" }, runs: { type: "string" }, seconds: { type: "string" } },
  });
  const counts = (values.groups ?? "100,1000").split(",").map(Number);
  if (!counts.every((count) => Number.isInteger(count) && count >= PUSHERS)) {
    throw new UsageError(`--groups: expected whole numbers from ${PUSHERS} on`);
  }
  const runs = numberOption("runs", values.runs, { min: 1, max: 100, fallback: 5 });
  const seconds = numberOption("seconds", values.seconds, { min: 1, max: 60, fallback: 3 });
  console.log(`${machine()}, ${realPushgateway().name}, ${load()}`);
  const findings: Finding[] = [];
  for (const shape of SHAPES) {
    for (const count of counts) findings.push(await compare({ shape, count, runs, seconds }));
  }
  report(findings);
  return 0;
}

interface Comparison {
  readonly shape: Shape;
  readonly count: number;
  readonly runs: number;
  readonly seconds: number;
}

async function compare({ shape, count, runs, seconds }: Comparison): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), "k2-bench-"));
  try {
    const { file, keys } = await fill(folder, shape, count);
    const copy = `${file}.copy`;
    copyFileSync(file, copy);
    const checked = await realPushgateway().start({ persistencePath: file });
    const plain = await realPushgateway().start({ persistencePath: copy, consistencyCheck: false });
    const measure = (url: string) => () => pushRate({ url, keys, shape, seconds });
    const rates = await interleave(runs, {
      checked: measure(checked.url),
      plain: measure(plain.url),
    });
    await Promise.all([checked.close(), plain.close()]);
    return {
      what: `pushes a second at ${round(count)} groups, ${shape.name}: with the consistency check, without`,
      found: `${show(median(rates.checked))}, ${show(median(rates.plain))}`,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes a file of groups, without the check: with it on this would take minutes. */
async function fill(
  folder: string,
  shape: Shape,
  count: number,
): Promise<{ file: string; keys: LabelSet[] }> {
  const file = join(folder, "groups");
  const pushgateway = await realPushgateway().start({
    persistencePath: file,
    consistencyCheck: false,
  });
  const keys = newFleet(count);
  await pushFleet(pushgateway.url, shape, keys);
  await pushgateway.close();
  return { file, keys };
}

interface PushLoad {
  readonly url: string;
  readonly keys: readonly LabelSet[];
  readonly shape: Shape;
  readonly seconds: number;
}

/** Has environments of the fleet push again, and counts what is acknowledged. */
async function pushRate({ url, keys, shape, seconds }: PushLoad): Promise<number> {
  const client = openPushgateway({ url, timeoutMs: PUSH_TIMEOUT_MS });
  const body = makePayload(shape, 2);
  const startedMs = performance.now();
  const endsMs = startedMs + seconds * 1_000;
  let pushes = 0;
  const push = async (first: number) => {
    for (let i = first; performance.now() < endsMs; i += PUSHERS) {
      const outcome = await client.put(keys[i % keys.length] ?? {}, body);
      if (outcome.outcome !== "acknowledged") throw new Error(JSON.stringify(outcome));
      pushes += 1;
    }
  };
  await Promise.all(Array.from({ length: PUSHERS }, (_, i) => push(i)));
  client.close();
  return pushes / ((performance.now() - startedMs) / 1_000);
}

function show(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : round(rate);
}
