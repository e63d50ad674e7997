/**
 * One way of pushing, put through a plan: environments under AWS's own runtime client, the load, and
 * what strikes them meanwhile; then the reckoning.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { ExecutionEnvironment, ProcessEnd } from "../support/lambda/execution-environment.ts";
import { createFunction } from "../support/lambda/lambda-function.ts";
import type { PushgatewayKind } from "../support/pushgateway.ts";
import { bringLoad, type LoadReport } from "./bring-load.ts";
import { bundleFunction } from "./bundle-function.ts";
import { watchPage, type PageReport } from "./page-watch.ts";
import { FUNCTION_TIMEOUT_MS, makePlan, type PlanOptions } from "./plan.ts";
import {
  processOf,
  readPage,
  shutDownAll,
  untilRetired,
  wakeAll,
  wakeUntilTaken,
} from "./settle.ts";
import { startStack, WINDOWS, type Stack } from "./stack.ts";
import { readSums, totalOf } from "./sums.ts";
import { readTruth } from "./truth.ts";
import { compare, judge, type Ending, type Verdict } from "./verdict.ts";

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
  /** Which program the Pushgateways are. */
  readonly pushgateway: PushgatewayKind;
  /** How many of them this project's way is given; default 2. prom-client's client knows one. */
  readonly pushgateways?: number;
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

const INIT_TIMEOUT_MS = 120_000;
/** For groups to be retired beyond the window. */
const GRACE_SECONDS = 4;
/** Every so many environments, one has the adaptive strategy. */
const ONE_ADAPTIVE_OF = 3;
const UNCERTAIN = "metrics_uncertain_total";
/** Numbers of the invocations that wake everyone, behind those of any plan. */
const WAKING = [10_000_000, 20_000_000] as const;

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
  const pushgateways = isExact ? (options.pushgateways ?? 2) : 1;
  const stack = await startStack({ ...options, pushgateways, folder, isAggregated: isExact });
  const lambda = createFunction({
    ...bundle,
    timeoutMs: FUNCTION_TIMEOUT_MS,
    initTimeoutMs: INIT_TIMEOUT_MS,
    maxEnvironments: options.environments,
    maxWaiting: options.invocations,
    variables: (id) => ({
      ...stack.variables,
      ...variables,
      METRICS_STRATEGY: Number(id) % ONE_ADAPTIVE_OF === 0 ? "adaptive" : "every",
      CHAOS_TRUTH: truthFolder,
    }),
  });
  try {
    await lambda.provision(options.environments);
    onProgress(`${options.environments} environments after ${secondsSince(startedMs)} s`);
    const watch = watchPage({
      url: stack.pageUrl,
      intervalMs: 500,
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
      await wakeUntilTaken(lambda, stack, { truthFolder, firstNumber: WAKING[1] });
    }
    const living = lambda.environments;
    const groups = await untilRetired(stack, isExact ? living.length : Infinity);
    const endings = endingsOf(new Set([...everyone, ...living]));
    await shutDownAll(lambda);
    const groupsAtEnd = await untilRetired(stack, isExact ? 0 : Infinity);
    const truth = readTruth(truthFolder);
    const text = await readPage(stack.pageUrl);
    const page = readSums(text);
    const pages = await watch.stop();
    const verdict = judge({
      truth,
      page,
      ledger: await stack.readLedger(),
      groups: stack.deliveredGroups(),
      endings,
      gaveUp: whoGaveUp([...truth.keys()], everyone),
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
      groupsAtEnd,
      pages,
      faults: stack.faults,
      uncertainSamples: totalOf(readSums(text, UNCERTAIN), UNCERTAIN),
      ...(isExact ? { verdict } : {}),
      rejected: stack.rejectedPushes(),
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

const ENDED_BY: Readonly<Record<ProcessEnd["by"], Ending>> = {
  crash: "killed",
  timeout: "timed out",
  "init-timeout": "timed out",
  itself: "crashed",
  shutdown: "shut down",
};

/** How those processes ended that did not live until the end. */
function endingsOf(everyone: ReadonlySet<ExecutionEnvironment>): Map<string, Ending> {
  return new Map(
    [...everyone].flatMap(({ id, ends }) =>
      ends.map(({ pid, by }) => [processOf({ id, pid }), ENDED_BY[by]] as const),
    ),
  );
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
