/**
 * Holds what was counted against what was recorded, process by process and series by series, and
 * finds a cause for every difference. A difference without one is a fault.
 */

import type { DeliveredGroup, RestartSignal } from "./delivered.ts";
import {
  addUp,
  beyond,
  differences,
  sumsOf,
  totalOf,
  type RecordedPart,
  type Sums,
} from "./sums.ts";
import { FAMILIES, recordedBy } from "./work.ts";

/** What ended a process: `shut down` while things went wrong, so that its last push may have failed. */
export type Ending = "killed" | "timed out" | "crashed" | "shut down";

export const ENDINGS: readonly Ending[] = ["killed", "timed out", "crashed", "shut down"];

/** What processes that ended in one way took with them. */
export interface EndingLoss {
  readonly processes: number;
  /** Orders that they recorded last, and that no Pushgateway took. */
  readonly orders: number;
  /** Of those, orders in a push that has arrived and failed; the others were in none. */
  readonly pushed: number;
}

export interface Evidence {
  /** What each process recorded, in its order. */
  readonly truth: ReadonlyMap<string, readonly RecordedPart[]>;
  /** What the groups were given. */
  readonly groups: readonly DeliveredGroup[];
  /** What the ledger holds when every group is retired. */
  readonly ledger: Sums;
  /** What the page says then. */
  readonly page: Sums;
  /** Processes that did not live until all was calm. */
  readonly endings: ReadonlyMap<string, Ending>;
  /** Processes that gave up a push that was never answered. */
  readonly gaveUp: ReadonlySet<string>;
}

/** All in orders, but for `series` and `unexplained`. */
export interface Verdict {
  readonly recorded: number;
  readonly counted: number;
  /** Recorded last by a process that ended early, and taken by no Pushgateway; all of them. */
  readonly unacknowledged: number;
  /** The same, by how the process ended. */
  readonly losses: Readonly<Record<Ending, EndingLoss>>;
  /** Processes that lived until all was calm: they may lose nothing by themselves. */
  readonly living: number;
  /** In a push that no Pushgateway took, and that its process gave up. */
  readonly uncertain: number;
  /** Taken by a Pushgateway that ended before it had written them down, or anyone retired them. */
  readonly lostByPushgateway: Readonly<Record<RestartSignal, number>>;
  readonly doubled: number;
  /** Series that were compared. */
  readonly series: number;
  /** Each difference that has no such cause. */
  readonly unexplained: readonly string[];
}

/** Judges a run. */
export function judge(evidence: Evidence): Verdict {
  const { truth, ledger, page } = evidence;
  const unexplained: string[] = [];
  const lost = { unacknowledged: 0, uncertain: 0, SIGTERM: 0, SIGKILL: 0 };
  const losses = noLosses();
  const kept: Sums[] = [];
  const pushed: Sums[] = [];
  let [recorded, doubled] = [0, 0];
  const groupsOf = Map.groupBy(evidence.groups, ({ process }) => process ?? "");
  for (const [process, parts] of truth) {
    const judged = judgeProcess(process, parts, groupsOf.get(process) ?? [], evidence);
    recorded += judged.recorded;
    doubled += Math.max(0, judged.counted - judged.recorded);
    for (const [cause, orders] of judged.lost) lost[cause] += orders;
    addLoss(losses, evidence.endings.get(process), judged);
    unexplained.push(...judged.unexplained);
    kept.push(judged.kept);
    pushed.push(judged.pushed);
  }
  const expected = addUp(kept);
  for (const { series, expected: one, actual } of differences(expected, ledger)) {
    unexplained.push(`${series}: ${actual} in the ledger, expected ${one}`);
  }
  const all = addUp([...truth].map(([process, parts]) => sumsOf(process, parts)));
  const taken = addUp(pushed);
  for (const { series, expected: one, actual } of differences(ledger, page)) {
    // What a Pushgateway lost after it had been served stays on the page: the floor holds it.
    const isFloor = lost.SIGKILL > 0 && actual > one && actual <= (taken.get(series) ?? 0);
    if (!isFloor) unexplained.push(`${series}: ${actual} on the page, ${one} in the ledger`);
  }
  return {
    recorded,
    counted: totalOf(ledger, FAMILIES.orders),
    unacknowledged: lost.unacknowledged,
    losses,
    living: [...truth.keys()].filter((process) => !evidence.endings.has(process)).length,
    uncertain: lost.uncertain,
    lostByPushgateway: { SIGTERM: lost.SIGTERM, SIGKILL: lost.SIGKILL },
    doubled,
    series: new Set([...all.keys(), ...page.keys()]).size,
    unexplained,
  };
}

function noLosses(): Record<Ending, EndingLoss> {
  const none = { processes: 0, orders: 0, pushed: 0 };
  return { killed: none, "timed out": none, crashed: none, "shut down": none };
}

function addLoss(
  losses: Record<Ending, EndingLoss>,
  ending: Ending | undefined,
  { lost, untaken }: JudgedProcess,
): void {
  if (ending === undefined) return;
  const { processes, orders, pushed } = losses[ending];
  const of = (wanted: Cause) =>
    lost.reduce((sum, [cause, own]) => sum + (cause === wanted ? own : 0), 0);
  const own = of("unacknowledged");
  losses[ending] = {
    processes: processes + 1,
    orders: orders + own,
    pushed: pushed + Math.min(own, untaken - of("uncertain")),
  };
}

/** What is missing and what is too much, process by process, where no cause is looked for. */
export function compare(
  truth: Evidence["truth"],
  page: Sums,
): {
  readonly recorded: number;
  readonly counted: number;
  readonly lost: number;
  readonly doubled: number;
} {
  let [recorded, lost, doubled] = [0, 0, 0];
  for (const [process, parts] of truth) {
    const own = ordersOf(sumsOf(process, parts));
    const there = page.get(processSeries(process)) ?? 0;
    recorded += own;
    lost += Math.max(0, own - there);
    doubled += Math.max(0, there - own);
  }
  return { recorded, counted: totalOf(page, FAMILIES.orders), lost, doubled };
}

type Cause = "unacknowledged" | "uncertain" | RestartSignal;

interface JudgedProcess {
  readonly recorded: number;
  readonly counted: number;
  /** What its groups hold in the end. */
  readonly kept: Sums;
  /** What Pushgateways took of it, those that lost it again too. */
  readonly pushed: Sums;
  readonly lost: readonly (readonly [Cause, orders: number])[];
  /** Orders in its last pushes that have arrived, and that no Pushgateway took. */
  readonly untaken: number;
  readonly unexplained: readonly string[];
}

function judgeProcess(
  process: string,
  parts: readonly RecordedPart[],
  groups: readonly DeliveredGroup[],
  evidence: Evidence,
): JudgedProcess {
  const recorded = sumsOf(process, parts);
  const counted = evidence.ledger.get(processSeries(process)) ?? 0;
  const chosen = chooseKept(groups, counted);
  const kept = addUp(chosen.map(({ sums }) => sums));
  const taken = groups.map(({ sums }, at) => {
    const own = chosen[at]?.sums ?? sums;
    return ordersOf(own) > ordersOf(sums) ? own : sums;
  });
  const lost: [Cause, number][] = groups.flatMap(({ sums }, at) => {
    const { signal, sums: left = sums } = chosen[at] ?? {};
    return signal === undefined ? [] : [[signal, Math.max(0, ordersOf(sums) - ordersOf(left))]];
  });
  const untaken = groups
    .map((group, at) => beyond(group.untaken ?? new Map(), taken[at] ?? new Map()))
    .filter((sums) => ordersOf(sums) > 0);
  const pushed = addUp(taken);
  const causes = whyNotPushed(process, { recorded, pushed, untaken, parts, evidence });
  const unexplained =
    causes === undefined ? [`process ${process}: ${describe(recorded, pushed)}`] : [];
  return {
    recorded: ordersOf(recorded),
    counted,
    kept,
    pushed,
    lost: [...lost, ...(causes ?? [])],
    untaken: ordersOf(addUp(untaken)),
    unexplained,
  };
}

/**
 * Why a process pushed less than it recorded, and how much for which cause; undefined when there is
 * none. All that is missing must be what certain pushes held that arrived and that no Pushgateway
 * took: where the process gave up a push it is uncertain. Only where a process ended early may its
 * last parts be missing as well, and no part before one that is there.
 */
function whyNotPushed(
  process: string,
  compared: {
    readonly recorded: Sums;
    readonly pushed: Sums;
    /** What each of its last pushes held, under one id each, beyond what was taken. */
    readonly untaken: readonly Sums[];
    readonly parts: readonly RecordedPart[];
    readonly evidence: Evidence;
  },
): readonly (readonly [Cause, orders: number])[] | undefined {
  const { recorded, pushed, untaken, parts, evidence } = compared;
  const hasEndedEarly = evidence.endings.has(process);
  const hasGivenUp = evidence.gaveUp.has(process);
  for (const missing of hasEndedEarly || hasGivenUp ? subsets(untaken) : [[]]) {
    const told = addUp([pushed, ...missing]);
    const due = hasEndedEarly ? beginning(process, parts, ordersOf(told)) : recorded;
    if (differences(due, told).length > 0) continue;
    const uncertain = hasGivenUp ? missing.reduce((sum, one) => sum + ordersOf(one), 0) : 0;
    const unacknowledged = ordersOf(recorded) - ordersOf(pushed) - uncertain;
    return [
      ["uncertain", uncertain],
      ["unacknowledged", unacknowledged],
    ];
  }
  return undefined;
}

/** More pushes of one process that nobody took than this are not sorted out. */
const MAX_UNTAKEN = 10;

/** Every choice of some of them, the smallest first. */
function subsets<T>(all: readonly T[]): T[][] {
  let chosen: T[][] = [[]];
  for (const one of all.slice(0, MAX_UNTAKEN)) {
    chosen = [...chosen, ...chosen.map((some) => [...some, one])];
  }
  return chosen.sort((a, b) => a.length - b.length);
}

/** The sums of a process's first parts, up to that many orders. */
function beginning(process: string, parts: readonly RecordedPart[], orders: number): Sums {
  let length = 0;
  let reached = 0;
  for (; length < parts.length && reached < orders; length += 1) {
    const { number, part } = parts[length] ?? { number: 0, part: 1 };
    reached += recordedBy(number, part).orders;
  }
  return sumsOf(process, parts.slice(0, length));
}

/** More groups of one process in doubt than this are not sorted out. */
const MAX_IN_DOUBT = 8;

/**
 * What each group holds in the end. Where a restart leaves a doubt, whether it was retired before or
 * after, the ledger's count of the process decides; what fits nothing shows as unexplained.
 */
function chooseKept(
  groups: readonly DeliveredGroup[],
  counted: number,
): { readonly signal?: RestartSignal; readonly sums: Sums }[] {
  const choices = groups.map(({ sums, alternatives }) => [{ sums }, ...alternatives]);
  const plain = groups.map(({ sums }) => ({ sums }));
  if (choices.filter(({ length }) => length > 1).length > MAX_IN_DOUBT) return plain;
  const find = (at: number, left: number): { signal?: RestartSignal; sums: Sums }[] | undefined => {
    const options = choices[at];
    if (options === undefined) return left === 0 ? [] : undefined;
    for (const option of options) {
      const rest = find(at + 1, left - ordersOf(option.sums));
      if (rest !== undefined) return [option, ...rest];
    }
    return undefined;
  };
  return find(0, counted) ?? plain;
}

function ordersOf(sums: Sums): number {
  return totalOf(sums, FAMILIES.process);
}

function processSeries(process: string): string {
  return `${FAMILIES.process}{process="${process}"}`;
}

function describe(recorded: Sums, pushed: Sums): string {
  return differences(recorded, pushed)
    .slice(0, 3)
    .map(({ series, expected, actual }) => `${series}: ${actual} pushed, ${expected} recorded`)
    .join("; ");
}
