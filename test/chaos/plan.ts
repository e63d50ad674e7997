/**
 * What happens in a chaos run, drawn from a seed beforehand: when which invocation comes and what it
 * does, and when which fault strikes. What real processes make of it is theirs.
 */

import { randomFrom, type Random } from "../../local/random.ts";
import type { Fault } from "../support/faulty-proxy.ts";
import type { Work } from "./work.ts";

export interface PlanOptions {
  readonly seed: string;
  /** Execution environments at any time. */
  readonly environments: number;
  readonly invocations: number;
  /** Invocations a second, on average; they come by themselves, not when others have ended. */
  readonly perSecond: number;
}

/**
 * Something done to processes or the network. `share` names an environment, from 0 to 1 of those
 * there are; `turn` a Pushgateway, from 0 and on: they take turns.
 */
export type Action =
  | { readonly type: "kill" | "shut-down"; readonly share: number }
  | { readonly type: "freeze"; readonly share: number; readonly forMs: number }
  | { readonly type: "refuse-connections"; readonly turn: number; readonly forMs: number }
  | {
      readonly type: "restart-pushgateway";
      readonly turn: number;
      readonly signal: "SIGTERM" | "SIGKILL";
      /** That many environments that pushed just before are killed with it. */
      readonly environments: number;
    }
  | { readonly type: "kill-retirer"; readonly index: 0 | 1 };

export interface Plan {
  readonly invocations: readonly { readonly atMs: number; readonly work: Work }[];
  /** In order of time. */
  readonly actions: readonly { readonly atMs: number; readonly action: Action }[];
}

/** The function's own timeout: those that hang are killed then. */
export const FUNCTION_TIMEOUT_MS = 5_000;

/** Each as a share of the invocations, and how many there are at least. */
const SHARES = {
  fates: { hangs: 0.0015, dies: 0.0015, throws: 0.02 },
  kills: { share: 0.0015, least: 3 },
  shutdowns: { share: 0.003, least: 4 },
  freezes: { share: 0.01, least: 10 },
  refusals: { share: 0.0004, least: 2 },
  retirerKills: { share: 0.0003, least: 1 },
  gracefulRestarts: { share: 0.0002, least: 2 },
  pushgatewayKills: { share: 0.0002, least: 2 },
} as const;

/** Nobody is left to push again what a Pushgateway had not written down. */
const KILLED_WITH_PUSHGATEWAY = 4;

/** Draws a run. */
export function makePlan(options: PlanOptions): Plan {
  return { invocations: planInvocations(options), actions: planActions(options) };
}

function planInvocations({ seed, invocations, perSecond }: PlanOptions): Plan["invocations"] {
  const random = randomFrom(`${seed}: invocations`);
  let atMs = 0;
  return Array.from({ length: invocations }, (_, number) => {
    atMs += (random.exponential() * 1_000) / perSecond;
    const fate = drawFate(random);
    const workMs = Math.min(200, Math.round(8 * random.exponential()));
    return { atMs, work: { number, workMs, fate } };
  });
}

function drawFate(random: Random): Work["fate"] {
  let left = random.uniform();
  for (const [fate, share] of Object.entries(SHARES.fates)) {
    left -= share;
    if (left < 0) return fate as Work["fate"];
  }
  return "answers";
}

function planActions({ seed, invocations, perSecond }: PlanOptions): Plan["actions"] {
  const random = randomFrom(`${seed}: actions`);
  const lengthMs = (invocations * 1_000) / perSecond;
  const actions: { atMs: number; action: Action }[] = [];
  const spread = (
    { share, least }: { readonly share: number; readonly least: number },
    make: (turn: number) => Action,
  ) => {
    const count = Math.max(least, Math.round(share * invocations));
    // One in each part of the run, and none at its very ends.
    for (let i = 0; i < count; i += 1) {
      const part = (i + 0.1 + 0.8 * random.uniform()) / count;
      actions.push({ atMs: part * lengthMs, action: make(i) });
    }
  };
  const share = () => random.uniform();
  const between = (fromMs: number, toMs: number) => fromMs + (toMs - fromMs) * random.uniform();
  spread(SHARES.kills, () => ({ type: "kill", share: share() }));
  spread(SHARES.shutdowns, () => ({ type: "shut-down", share: share() }));
  spread(SHARES.freezes, () => ({ type: "freeze", share: share(), forMs: between(20, 4_000) }));
  spread(SHARES.refusals, (turn) => ({
    type: "refuse-connections",
    turn,
    forMs: between(200, 1_500),
  }));
  const index = () => (random.uniform() < 0.5 ? 0 : 1);
  spread(SHARES.retirerKills, () => ({ type: "kill-retirer", index: index() }));
  const restart = { type: "restart-pushgateway", environments: 0 } as const;
  spread(SHARES.gracefulRestarts, (turn) => ({ ...restart, turn, signal: "SIGTERM" }));
  spread(SHARES.pushgatewayKills, (turn) => ({
    ...restart,
    turn,
    signal: "SIGKILL",
    environments: KILLED_WITH_PUSHGATEWAY,
  }));
  return actions.sort((a, b) => a.atMs - b.atMs);
}

export const NO_FAULT: Fault = { type: "none" };

export interface FaultOptions {
  readonly seed: string;
  /** Longest time that whoever sends the requests waits: some answers take longer. */
  readonly timeoutMs: number;
  /** How late a request may be forwarded at most. */
  readonly latestMs: number;
  /** Whether bodies may be cut: not before a Pushgateway that takes a part for the whole. */
  readonly canCutRequests: boolean;
}

/** Draws the fault of each request in the order in which they come; most have none. */
export function drawFaults(options: FaultOptions): (method: string) => Fault {
  const random = randomFrom(`${options.seed}: faults`);
  const kinds = faultKinds(random, options);
  return (method) => {
    // Pushes matter most; reads that fail are gaps, and too many would leave nothing to check.
    let left = random.uniform() * (method === "GET" ? 3 : 1);
    for (const [share, make] of kinds) {
      left -= share;
      if (left < 0) return make();
    }
    return NO_FAULT;
  };
}

function faultKinds(
  random: Random,
  { timeoutMs, latestMs, canCutRequests }: FaultOptions,
): (readonly [share: number, make: () => Fault])[] {
  const between = (fromMs: number, toMs: number) => fromMs + (toMs - fromMs) * random.uniform();
  const shortMs = () => between(2, 60);
  const longMs = () => between(0.8 * timeoutMs, latestMs);
  const status = (...statuses: readonly number[]): Fault => ({
    type: "status",
    status: random.pick(statuses),
  });
  return [
    [0.03, () => ({ type: "delay-before", delayMs: shortMs() })],
    [0.03, () => ({ type: "delay-after", delayMs: shortMs() })],
    [0.01, () => ({ type: "delay-before", delayMs: longMs() })],
    [0.01, () => ({ type: "delay-after", delayMs: longMs() })],
    [0.015, () => ({ type: "reset-before" })],
    [0.015, () => ({ type: "reset-after" })],
    [0.01, () => ({ type: "reset-and-apply-late", delayMs: between(1, latestMs) })],
    [0.015, () => status(500, 500, 503)],
    [0.005, () => status(502, 504)],
    [0.01, () => ({ type: "cut-answer", part: random.uniform() })],
    [canCutRequests ? 0.01 : 0, () => ({ type: "cut-request", part: random.uniform() })],
  ];
}
