/**
 * The end of a chaos run, in peace: waits until everything is where it belongs. No machine is too
 * slow for that; what takes longer than the patience here never comes.
 */

import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { ExecutionEnvironment } from "../support/lambda/execution-environment.ts";
import type { LambdaFunction } from "../support/lambda/lambda-function.ts";
import type { DeliveredGroup } from "./delivered.ts";
import type { Stack } from "./stack.ts";
import { addUp, sumsOf, totalOf, type RecordedPart, type Sums } from "./sums.ts";
import { readTruth } from "./truth.ts";
import { FAMILIES, type Work } from "./work.ts";

const PATIENCE_MS = 600_000;
/** Longer than the interval at which busy environments flush: each that is invoked then does. */
const BETWEEN_WAKES_MS = 4_000;
/** Few, so that none waits for the processor until its push times out. */
const AT_ONCE = 2;

/** Invokes every environment once, the one idle longest first. @param firstNumber not used before. */
export async function wakeAll(lambda: LambdaFunction, firstNumber: number): Promise<void> {
  await inParallel(lambda.environments, async (_, index) => {
    const work: Work = { number: firstNumber + index, workMs: 0, fate: "answers" };
    await (
      await lambda.invoke(work)
    ).finished;
  });
}

/**
 * Invokes every environment, again and again, until all that was recorded meanwhile has been taken:
 * what is missing then is what was missing before, and comes no more.
 */
export async function wakeUntilTaken(
  lambda: LambdaFunction,
  stack: Stack,
  options: { readonly truthFolder: string; readonly firstNumber: number },
): Promise<void> {
  let number = options.firstNumber;
  let before = "";
  await until(BETWEEN_WAKES_MS, async () => {
    await wakeAll(lambda, number);
    number += lambda.environments.length;
    const living = lambda.environments.map(processOf).sort();
    const missing = missingOf(living, readTruth(options.truthFolder), stack.deliveredGroups());
    const now = living.map((process) => `${process}: ${missing.get(process) ?? 0}`).join();
    const isSettled = [...missing.values()].every((orders) => orders === 0) || now === before;
    before = now;
    return isSettled;
  });
}

/** Orders that each of these processes recorded, and that no Pushgateway has taken. */
function missingOf(
  processes: readonly string[],
  truth: ReadonlyMap<string, readonly RecordedPart[]>,
  groups: readonly DeliveredGroup[],
): Map<string, number> {
  const groupsOf = Map.groupBy(groups, ({ process }) => process);
  return new Map(
    processes.map((process) => {
      const recorded = sumsOf(process, truth.get(process) ?? []);
      const taken = addUp((groupsOf.get(process) ?? []).map(({ sums }) => sums));
      return [process, ordersOf(recorded) - ordersOf(taken)];
    }),
  );
}

/** Shuts every environment down; each has its time to push. */
export async function shutDownAll(lambda: LambdaFunction): Promise<void> {
  await inParallel(lambda.environments, async (environment) => {
    await lambda.shutdownEnvironment(environment);
  });
}

/** Waits until no more groups of the function than that are left. @returns how many there are. */
export async function untilRetired(stack: Stack, most: number): Promise<number> {
  let groups = Infinity;
  await until(250, async () => {
    groups = countGroups(await stack.readPushgateways());
    return groups <= most;
  });
  return groups;
}

/** The page at the end. @throws {Error} when there is none. */
export async function readPage(url: string): Promise<string> {
  let page: string | undefined;
  await until(1_000, async () => {
    const answer = await fetch(url);
    const text = await answer.text();
    if (answer.ok) page = text;
    return answer.ok;
  });
  if (page === undefined) throw new Error(`${url}: expected a page in peace`);
  return page;
}

/** The function's groups on Pushgateways' pages. */
function countGroups(pages: readonly string[]): number {
  return pages
    .flatMap((page) => page.split("\n"))
    .filter((line) => line.startsWith("push_time_seconds{") && line.includes('component="chaos"'))
    .length;
}

/** The name of the process that an environment runs now, as it calls itself. */
export function processOf({ id, pid }: Pick<ExecutionEnvironment, "id" | "pid">): string {
  return `${id}-${pid}`;
}

async function inParallel<T>(
  all: readonly T[],
  work: (one: T, index: number) => Promise<void>,
): Promise<void> {
  const remaining = all.entries();
  const next = async () => {
    for (const [index, one] of remaining) await work(one, index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

/** What fails is asked again, as what is not yet so. */
async function until(periodMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const isDone = () => isSo().catch(() => false);
  while (!(await isDone()) && performance.now() < deadline) await delay(periodMs);
}

function ordersOf(sums: Sums): number {
  return totalOf(sums, FAMILIES.process);
}
