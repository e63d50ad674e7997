/** Puts a function through a plan: its invocations come when they come, and what strikes, strikes. */

import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { ExecutionEnvironment } from "../support/lambda/execution-environment.ts";
import type { LambdaFunction } from "../support/lambda/lambda-function.ts";
import type { Action, Plan } from "./plan.ts";
import type { Stack } from "./stack.ts";
import type { Work } from "./work.ts";

export interface Load {
  readonly lambda: LambdaFunction;
  readonly stack: Stack;
  /** Environments at any time: those that are shut down are replaced. */
  readonly environments: number;
  readonly onProgress: (line: string) => void;
}

export interface LoadReport {
  /** How many invocations ended how. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** How many actions of each type there were. */
  readonly actions: Readonly<Record<string, number>>;
  /** Every environment there has been, in the state it was left in. */
  readonly everyone: ReadonlySet<ExecutionEnvironment>;
}

/** Resolves when the last invocation and the last action have ended. */
export async function bringLoad(load: Load, plan: Plan): Promise<LoadReport> {
  const { lambda, onProgress } = load;
  const outcomes: Record<string, number> = {};
  const actions: Record<string, number> = {};
  const everyone = new Set(lambda.environments);
  const events = [
    ...plan.invocations.map(({ atMs, work }) => ({ atMs, run: () => invoke(work) })),
    ...plan.actions.map(({ atMs, action }) => ({ atMs, run: () => act(action) })),
  ].sort((a, b) => a.atMs - b.atMs);
  const underWay: Promise<void>[] = [];
  let ended = 0;
  const startedMs = performance.now();

  async function invoke(work: Work): Promise<void> {
    const { environment, finished, functionError } = await lambda.invoke(work);
    everyone.add(environment);
    const { outcome } = await finished;
    count(outcomes, outcome === "completed" && functionError !== undefined ? "error" : outcome);
    ended += 1;
    if (ended % 5_000 === 0) onProgress(`${ended} of ${plan.invocations.length} invocations`);
  }

  async function act(action: Action): Promise<void> {
    count(actions, "signal" in action ? `${action.type} ${action.signal}` : action.type);
    await strike(action, load);
    for (const environment of lambda.environments) everyone.add(environment);
  }

  for (const { atMs, run } of events) {
    const waitMs = atMs - (performance.now() - startedMs);
    if (waitMs > 1) await delay(waitMs);
    underWay.push(run());
  }
  await Promise.all(underWay);
  onProgress(`the load took ${Math.round((performance.now() - startedMs) / 1_000)} s`);
  return { outcomes, actions, everyone };
}

async function strike(
  action: Action,
  { lambda, stack, environments }: Omit<Load, "onProgress">,
): Promise<void> {
  switch (action.type) {
    case "kill":
      return choose(lambda, action.share)?.crash();
    case "shut-down": {
      const chosen = choose(lambda, action.share);
      if (chosen !== undefined) await lambda.shutdownEnvironment(chosen);
      // One that is struck while it starts is started again by its first invocation.
      return lambda.provision(environments).catch(() => undefined);
    }
    case "freeze": {
      const chosen = choose(lambda, action.share);
      chosen?.freeze();
      await delay(action.forMs);
      // One that was idle meanwhile stays frozen, until it is used again.
      if (chosen?.status === "busy") chosen.thaw();
      return undefined;
    }
    case "refuse-connections":
      return stack.refuseConnections(action.turn, action.forMs);
    case "restart-pushgateway": {
      const killed = lastUsed(lambda, action.environments).map((one) => one.crash());
      await stack.restartPushgateway(action.turn, action.signal);
      await Promise.all(killed);
      return undefined;
    }
    case "kill-retirer":
      return stack.killRetirer(action.index);
  }
}

/** An environment in the middle of an invocation, if there is one: any is as good, those are better. */
function choose(lambda: LambdaFunction, share: number): ExecutionEnvironment | undefined {
  const all = lambda.environments;
  const busy = all.filter(({ status }) => status === "busy");
  const from = busy.length > 0 ? busy : all;
  return from[Math.floor(share * from.length)];
}

/** Those that have ended an invocation last; where too few are idle, others. */
function lastUsed(lambda: LambdaFunction, count: number): ExecutionEnvironment[] {
  const isIdle = ({ status }: ExecutionEnvironment) => status === "idle";
  const all = lambda.environments;
  const inOrder = [...all.filter(isIdle).reverse(), ...all.filter((one) => !isIdle(one))];
  return inOrder.slice(0, count);
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
