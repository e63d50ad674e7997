/**
 * Holds what was counted against what was recorded, process by process and series by series, and
 * finds a cause for every difference. A difference without one is a fault.
 */

import type { DeliveredGroup, RestartSignal } from "./delivered.ts";
import { addUp, differences, sumsOf, totalOf, type RecordedPart, type Sums } from "./sums.ts";
import { FAMILIES } from "./work.ts";

export interface Evidence {
  /** What each process recorded, in its order. */
  readonly truth: ReadonlyMap<string, readonly RecordedPart[]>;
  /** What the groups were given. */
  readonly groups: readonly DeliveredGroup[];
  /** What the ledger holds when every group is retired. */
  readonly ledger: Sums;
  /** What the page says then. */
  readonly page: Sums;
  /** Processes that did not end in peace: killed, timed out, thrown over, or shut down amid faults. */
  readonly endedEarly: ReadonlySet<string>;
  /** Processes that gave up a push that was never answered. */
  readonly gaveUp: ReadonlySet<string>;
}

/** All in orders, but for `series` and `unexplained`. */
export interface Verdict {
  readonly recorded: number;
  readonly counted: number;
  /** Ended with their process before a push of theirs was taken. */
  readonly unacknowledged: number;
  /** In a push that was never answered, and given up for that. */
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
  const kept: Sums[] = [];
  let [recorded, doubled] = [0, 0];
  const groupsOf = Map.groupBy(evidence.groups, ({ process }) => process ?? "");
  for (const [process, parts] of truth) {
    const judged = judgeProcess(process, parts, groupsOf.get(process) ?? [], evidence);
    recorded += judged.recorded;
    doubled += Math.max(0, judged.counted - judged.recorded);
    for (const [cause, orders] of judged.lost) lost[cause] += orders;
    unexplained.push(...judged.unexplained);
    kept.push(judged.kept);
  }
  const expected = addUp(kept);
  for (const { series, expected: one, actual } of differences(expected, ledger)) {
    unexplained.push(`${series}: ${actual} in the ledger, expected ${one}`);
  }
  const all = addUp([...truth].map(([process, parts]) => sumsOf(process, parts)));
  for (const { series, expected: one, actual } of differences(ledger, page)) {
    // What a Pushgateway lost after it had been served stays on the page: the floor holds it.
    const isFloor = lost.SIGKILL > 0 && actual > one && actual <= (all.get(series) ?? 0);
    if (!isFloor) unexplained.push(`${series}: ${actual} on the page, ${one} in the ledger`);
  }
  return {
    recorded,
    counted: totalOf(ledger, FAMILIES.orders),
    unacknowledged: lost.unacknowledged,
    uncertain: lost.uncertain,
    lostByPushgateway: { SIGTERM: lost.SIGTERM, SIGKILL: lost.SIGKILL },
    doubled,
    series: new Set([...all.keys(), ...page.keys()]).size,
    unexplained,
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
  readonly lost: readonly (readonly [Cause, orders: number])[];
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
  const pushed = addUp(
    groups.map(({ sums }, at) => {
      const own = chosen[at]?.sums ?? sums;
      return ordersOf(own) > ordersOf(sums) ? own : sums;
    }),
  );
  const lost: [Cause, number][] = groups.flatMap(({ sums }, at) => {
    const { signal, sums: left = sums } = chosen[at] ?? {};
    return signal === undefined ? [] : [[signal, Math.max(0, ordersOf(sums) - ordersOf(left))]];
  });
  const cause = whyNotPushed(process, { recorded, pushed, parts, evidence });
  const unexplained: string[] = [];
  if (cause === "unexplained")
    unexplained.push(`process ${process}: ${describe(recorded, pushed)}`);
  else if (cause !== undefined) lost.push([cause, ordersOf(recorded) - ordersOf(pushed)]);
  return { recorded: ordersOf(recorded), counted, kept, lost, unexplained };
}

/**
 * Why a process pushed something else than it recorded; nothing if it did not. One that ended early
 * has pushed a beginning of what it recorded: anything missing before something that is there was
 * lost by the code, unless it says that it gave that up.
 */
function whyNotPushed(
  process: string,
  compared: {
    readonly recorded: Sums;
    readonly pushed: Sums;
    readonly parts: readonly RecordedPart[];
    readonly evidence: Evidence;
  },
): "unacknowledged" | "uncertain" | "unexplained" | undefined {
  const { recorded, pushed, parts, evidence } = compared;
  if (differences(recorded, pushed).length === 0) return undefined;
  if ([...pushed].some(([series, value]) => value > (recorded.get(series) ?? 0) + ROUNDING)) {
    return "unexplained";
  }
  const isBeginning = differences(beginning(process, parts, ordersOf(pushed)), pushed).length === 0;
  if (isBeginning && evidence.endedEarly.has(process)) return "unacknowledged";
  return evidence.gaveUp.has(process) ? "uncertain" : "unexplained";
}

/** Of sums of tenths; all others are exact. */
const ROUNDING = 1e-6;

/** The sums of a process's first parts, up to that many orders. */
function beginning(process: string, parts: readonly RecordedPart[], orders: number): Sums {
  let length = 0;
  let sums: Sums = new Map();
  while (length < parts.length && ordersOf(sums) < orders) {
    length += 1;
    sums = sumsOf(process, parts.slice(0, length));
  }
  return sums;
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
