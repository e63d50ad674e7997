/**
 * One way of pushing, put through a plan: environments under AWS's own runtime client, the load, and
 * what strikes them meanwhile; then the reckoning.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { ExecutionEnvironment } from "../support/lambda/execution-environment.ts";
import { createFunction, type LambdaFunction } from "../support/lambda/lambda-function.ts";
import type { PushgatewayKind } from "../support/pushgateway.ts";
import { bringLoad, wakeAll, type LoadReport } from "./bring-load.ts";
import { bundleFunction } from "./bundle-function.ts";
import { watchPage, type PageReport } from "./page-watch.ts";
import { FUNCTION_TIMEOUT_MS, makePlan, type PlanOptions } from "./plan.ts";
import { startStack, WINDOWS, type Stack } from "./stack.ts";
import { addUp, readSums, sumsOf, totalOf, type Sums } from "./sums.ts";
import { readTruth } from "./truth.ts";
import { compare, judge, type Verdict } from "./verdict.ts";
import { FAMILIES } from "./work.ts";

/** This project's way, and how people push from Lambda without it. */
export const WAYS = {
  exact: { title: "this project", bundle: "exact", variables: {} },
  push: { title: "push", bundle: "naive", variables: { CHAOS_METHOD: "push" } },
  pushAdd: { title: "pushAdd", bundle: "naive", variables: { CHAOS_METHOD: "pushAdd" } },
  instance: {
    title: "push, `instance` label",
    bundle: "naive",
    variables: { CHAOS_METHOD: "push", CHAOS_INSTANCE: "true" },
  },
} as const;

export type Way = keyof typeof WAYS;

export interface RunOptions extends PlanOptions {
  readonly pushgateway: PushgatewayKind;
  /** Told what happens, in a line each. */
  readonly onProgress?: (line: string) => void;
}

export interface WayReport extends Pick<LoadReport, "outcomes" | "actions"> {
  readonly way: Way;
  /** Orders that the handlers recorded. */
  readonly recorded: number;
  /** Orders on the page at the end. */
  readonly counted: number;
  /** What the page's orders rose by, as `increase()` has it. */
  readonly increase: number;
  /** Orders that are missing, process by process; all of them, whatever the cause. */
  readonly lost: number;
  /** Orders too many, process by process. */
  readonly doubled: number;
  /** Values that Prometheus saw fall, which it takes for resets. */
  readonly decreases: number;
  /** Scrapes that gave Prometheus a page, of all. */
  readonly scrapes: { readonly good: number; readonly all: number };
  /** The function's groups when all is quiet, and the environments there are. */
  readonly groups: number;
  readonly environments: number;
  /** The function's groups when no environment is left. */
  readonly groupsAtEnd: number;
  readonly pages: PageReport;
  /** Requests to the Pushgateway that met a fault, by its type. */
  readonly faults: Readonly<Record<string, number>>;
  /** What `metrics_uncertain_total` says at the end. */
  readonly uncertainSamples: number;
  /** Of this project's way: the cause of all that is missing. */
  readonly verdict?: Verdict;
  /** Pushes that were refused for what they held. */
  readonly rejected: readonly string[];
  readonly seconds: number;
}

const INIT_TIMEOUT_MS = 30_000;
/** For groups to be retired beyond the window. */
const GRACE_SECONDS = 4;
const SHUTDOWNS_AT_ONCE = 2;
const UNCERTAIN = "metrics_uncertain_total";
/** Numbers of the invocations that wake everyone, behind those of any plan. */
const WAKING = [10_000_000, 20_000_000] as const;
const WAKING_STEP = 10_000;
const MAX_WAKES = 10;

/** Runs one way, from nothing to the reckoning. */
export async function runWay(way: Way, options: RunOptions): Promise<WayReport> {
  const startedMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "k2-chaos-"));
  const truthFolder = join(folder, "truth");
  mkdirSync(truthFolder);
  const { title, bundle: name, variables } = WAYS[way];
  const onProgress = (line: string) => options.onProgress?.(`${title}: ${line}`);
  const isExact = way === "exact";
  using bundle = await bundleFunction(name);
  const stack = await startStack({ ...options, folder, isAggregated: isExact });
  const lambda = createFunction({
    ...bundle,
    timeoutMs: FUNCTION_TIMEOUT_MS,
    initTimeoutMs: INIT_TIMEOUT_MS,
    maxEnvironments: options.environments,
    maxWaiting: options.invocations,
    variables: { ...stack.variables, ...variables, CHAOS_TRUTH: truthFolder },
  });
  try {
    await lambda.provision(options.environments);
    onProgress(`${options.environments} environments after ${secondsSince(startedMs)} s`);
    const watch = watchPage({
      url: stack.pageUrl,
      intervalMs: 250,
      readers: isExact ? 2 : 1,
      prefix: isExact ? "" : "chaos_",
    });
    const load = { lambda, stack, environments: options.environments, onProgress };
    const { outcomes, actions, everyone } = await bringLoad(load, makePlan(options));
    await stack.calm();
    await wakeAll(lambda, WAKING[0]);
    if (isExact) {
      // Nobody pushes for so long that every group is retired; then everyone goes on.
      await delay((WINDOWS.retireAfterSeconds + GRACE_SECONDS) * 1_000);
      await wakeUntilTaken(lambda, stack, truthFolder);
    }
    const groups = countGroups(await stack.readPushgateway());
    const living = lambda.environments;
    const peaceful = new Set(living.map(processOf));
    await shutDownAll(lambda);
    if (isExact) await untilRetired(stack);
    const truth = readTruth(truthFolder);
    const text = await readPage(stack.pageUrl);
    const page = readSums(text);
    const pages = await watch.stop();
    const processes = [...truth.keys()];
    const verdict = judge({
      truth,
      page,
      ledger: await stack.readLedger(),
      groups: stack.delivered.groups(),
      endedEarly: new Set(processes.filter((process) => !peaceful.has(process))),
      gaveUp: whoGaveUp(processes, everyone),
    });
    return {
      way,
      outcomes,
      actions,
      ...compare(truth, page),
      increase: pages.increases.get("chaos_orders_total") ?? 0,
      ...(await askPrometheus(stack, isExact)),
      groups,
      environments: living.length,
      groupsAtEnd: countGroups(await stack.readPushgateway()),
      pages,
      faults: stack.faults,
      uncertainSamples: totalOf(readSums(text, UNCERTAIN), UNCERTAIN),
      ...(isExact ? { verdict } : {}),
      rejected: stack.delivered.rejected,
      seconds: secondsSince(startedMs),
    };
  } finally {
    await lambda.close();
    await stack.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function secondsSince(startedMs: number): number {
  return Math.round((performance.now() - startedMs) / 1_000);
}

async function shutDownAll(lambda: LambdaFunction): Promise<void> {
  const remaining = lambda.environments.values();
  const work = async () => {
    for (const environment of remaining) await lambda.shutdownEnvironment(environment);
  };
  await Promise.all(Array.from({ length: SHUTDOWNS_AT_ONCE }, work));
}

/**
 * Invokes every environment in peace until all that they recorded has been taken, and each has one
 * group: where the machine is slow, a push in peace may go unanswered as well.
 */
async function wakeUntilTaken(
  lambda: LambdaFunction,
  stack: Stack,
  truthFolder: string,
): Promise<void> {
  for (let wake = 0; wake < MAX_WAKES; wake += 1) {
    if (wake > 0) await delay(GRACE_SECONDS * 1_000);
    await wakeAll(lambda, WAKING[1] + wake * WAKING_STEP);
    const living = new Set(lambda.environments.map(processOf));
    const isOneEach = countGroups(await stack.readPushgateway()) <= living.size;
    const parts = [...readTruth(truthFolder)].filter(([process]) => living.has(process));
    const recorded = parts.map(([process, own]) => sumsOf(process, own));
    const taken = stack.delivered.groups().filter(({ process = "" }) => living.has(process));
    if (isOneEach && ordersOf(recorded) === ordersOf(taken.map(({ sums }) => sums))) return;
  }
}

function ordersOf(sums: readonly Sums[]): number {
  return totalOf(addUp(sums), FAMILIES.process);
}

function processOf({ id, pid }: ExecutionEnvironment): string {
  return `${id}-${pid}`;
}

/** Waits until no group of the function is left, or so long that none should be. */
async function untilRetired(stack: Stack): Promise<void> {
  const deadline = performance.now() + (WINDOWS.retireAfterSeconds + 2 * GRACE_SECONDS) * 1_000;
  while (countGroups(await stack.readPushgateway()) > 0 && performance.now() < deadline) {
    await delay(250);
  }
}

/** The function's groups on a Pushgateway's page. */
function countGroups(page: string): number {
  return page
    .split("\n")
    .filter((line) => line.startsWith("push_time_seconds{") && line.includes('component="chaos"'))
    .length;
}

/** The page at the end, which nothing disturbs any more. */
async function readPage(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the last page: status ${answer.status}, expected 200`);
  return answer.text();
}

/** The processes of environments that said so; which of several it was, they don't say. */
function whoGaveUp(
  processes: readonly string[],
  everyone: ReadonlySet<ExecutionEnvironment>,
): ReadonlySet<string> {
  const ids = new Set(
    [...everyone]
      .filter(({ log }) => log.text().includes("a push was never answered"))
      .map(({ id }) => id),
  );
  return new Set(processes.filter((process) => ids.has(process.split("-")[0] ?? "")));
}

async function askPrometheus(
  { prometheus }: Stack,
  isExact: boolean,
): Promise<Pick<WayReport, "decreases" | "scrapes">> {
  // On a Pushgateway's own page there are its own counters too, which start over with it.
  const names = isExact ? /_(total|bucket|sum|count)$/ : /^chaos_/;
  return {
    decreases: await prometheus.countResets((name) => names.test(name)),
    scrapes: {
      good: await prometheus.query("sum(sum_over_time(up[1d]))"),
      all: await prometheus.query("sum(count_over_time(up[1d]))"),
    },
  };
}
