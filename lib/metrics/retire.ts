/**
 * Retirement: folds the groups of dead environments into the ledger's base, by one conditional write,
 * and then deletes them. Any number of runs may overlap, and each may stop anywhere.
 */

import type { Log } from "../log.ts";
import { isClosed, isOurs } from "./aggregate.ts";
import type { Group, LabelSet, Snapshot } from "./family.ts";
import {
  horizonAt,
  isLive,
  lastPushSeconds,
  stateOf,
  type Base,
  type Ledger,
  type PushgatewayState,
  type Windows,
} from "./ledger.ts";
import { createPageSeries, type PageSeries } from "./page-series.ts";
import { PROTOCOL_FAMILIES } from "./payload.ts";
import { createTally, type Tally } from "./tally.ts";

/** A Pushgateway as a retirement sees it. */
export interface RetirablePushgateway {
  readonly url: string;
  readGroups(job: string, options: { timeoutMs: number }): Promise<Snapshot>;
  /** Deletes a group; one that is not there is deleted too. @returns whether it was accepted. */
  remove(key: LabelSet, options: { timeoutMs: number }): Promise<boolean>;
}

export interface RetireOptions {
  readonly service: string;
  readonly ledger: Ledger;
  /** The Pushgateways of the configuration. */
  readonly urls: readonly string[];
  /** Opens one of them, or one that only the base still knows. */
  readonly open: (url: string) => RetirablePushgateway;
  readonly windows: Windows;
  readonly log: Log;
  /** Our own clock, for telling when a Pushgateway's was set. */
  readonly nowMs: () => number;
  readonly timeoutMs: number;
}

export interface Retirement {
  /** Groups whose sums are in the base now. */
  readonly folded: number;
  /** Groups that counted no more and were still there. */
  readonly ghosts: number;
  /** Groups deleted; the rest is for the next run. */
  readonly deleted: number;
  /** Live groups left. */
  readonly live: number;
  /** Pushgateways that could not be read. */
  readonly unread: number;
  /** Pushgateways whose clock was set. */
  readonly clocksSet: number;
  readonly version: number;
}

/** Overlapping runs lose the conditional write to each other; one of them always wins it. */
const MAX_ATTEMPTS = 8;
const DELETIONS_AT_ONCE = 16;
/** A step of a Pushgateway's clock greater than this is no drift. */
const CLOCK_STEP_SECONDS = 30;

/**
 * Runs once.
 * @throws {ServiceError} `READ_FAILED` when the ledger can't be read or written.
 */
export async function retire(options: RetireOptions): Promise<Retirement> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const base = await options.ledger.readBase();
    const plan = await planRun(base, options);
    const isCommitted = !plan.isChanged || (await options.ledger.writeBase(plan.base));
    if (!isCommitted) continue;
    const deleted = await deleteGroups(plan.doomed, options);
    const { folded, ghosts, live, unread, clocksSet } = plan;
    const { version } = plan.isChanged ? plan.base : base;
    return { folded, ghosts, deleted, live, unread, clocksSet, version };
  }
  options.log.warn("retirement lost every attempt to another run", { attempts: MAX_ATTEMPTS });
  const { version } = await options.ledger.readBase();
  return { folded: 0, ghosts: 0, deleted: 0, live: 0, unread: 0, clocksSet: 0, version };
}

interface Doomed {
  readonly pushgateway: RetirablePushgateway;
  readonly key: LabelSet;
}

interface Plan {
  readonly base: Base;
  readonly isChanged: boolean;
  readonly doomed: readonly Doomed[];
  readonly folded: number;
  readonly ghosts: number;
  readonly live: number;
  readonly unread: number;
  readonly clocksSet: number;
}

interface PlannedPushgateway {
  /** Its state in the next base; `undefined` when it leaves the list. */
  readonly state: PushgatewayState | undefined;
  readonly doomed: readonly Doomed[];
  readonly folded: number;
  readonly ghosts: number;
  readonly live: number;
  readonly isUnread: boolean;
  readonly isClockSet: boolean;
}

async function planRun(base: Base, options: RetireOptions): Promise<Plan> {
  const tally = createTally();
  tally.addStored(base.totals);
  const urls = new Set([...options.urls, ...base.pushgateways.map(({ url }) => url)]);
  const planned: PlannedPushgateway[] = [];
  // One after the other: each snapshot is large, and only one should be in memory.
  for (const url of urls) planned.push(await planPushgateway(url, base, tally, options));

  const sum = (count: (one: PlannedPushgateway) => number) =>
    planned.reduce((all, one) => all + count(one), 0);
  const pushgateways = planned.flatMap(({ state }) => (state === undefined ? [] : [state]));
  const folded = sum((one) => one.folded);
  return {
    base: {
      version: base.version + 1,
      totals: folded === 0 ? base.totals : tally.toStored(),
      pushgateways,
    },
    isChanged: folded > 0 || isWorthWriting(base.pushgateways, pushgateways, options.windows),
    doomed: planned.flatMap(({ doomed }) => doomed),
    folded,
    ghosts: sum((one) => one.ghosts),
    live: sum((one) => one.live),
    unread: sum((one) => Number(one.isUnread)),
    clocksSet: sum((one) => Number(one.isClockSet)),
  };
}

async function planPushgateway(
  url: string,
  base: Base,
  tally: Tally,
  options: RetireOptions,
): Promise<PlannedPushgateway> {
  const { service, windows, log, timeoutMs } = options;
  const before = stateOf(base, url);
  const pushgateway = options.open(url);
  let snapshot: Snapshot;
  try {
    snapshot = await pushgateway.readGroups(service, { timeoutMs });
  } catch (error) {
    log.warn("a Pushgateway could not be read for retirement", { url, error });
    const none = { doomed: [], folded: 0, ghosts: 0, live: 0, isClockSet: false };
    return { state: before, isUnread: true, ...none };
  }
  const known = withClock(before, url, snapshot.takenAtSeconds, options);
  if (known.isClockSet) log.error("a Pushgateway's clock was set", { url });

  const tombstones: Record<string, number> = { ...known.state.tombstones };
  const doomed: Doomed[] = [];
  const pageSeries = createPageSeries();
  let [folded, ghosts, live] = [0, 0, 0];
  for await (const group of snapshot.groups) {
    if (!isOurs(group)) continue;
    if (!isLive(group, known.state)) ghosts += 1;
    else if (isFinished(group, snapshot.takenAtSeconds, known.state, windows)) {
      fold(tally, group, pageSeries(group));
      folded += 1;
    } else {
      live += 1;
      continue;
    }
    doomed.push({ pushgateway, key: group.key });
    tombstones[group.key["instance"] ?? ""] = lastPushSeconds(group);
  }
  const state = advance(known.state, { tombstones, doomed, snapshot, windows });
  const isEmpty = folded + ghosts + live === 0;
  const isLeaving = isEmpty && !options.urls.includes(url);
  const counts = { folded, ghosts, live };
  const { isClockSet } = known;
  return { state: isLeaving ? undefined : state, doomed, isUnread: false, isClockSet, ...counts };
}

/**
 * Looks at a Pushgateway's clock. Set forward, it would make the living look silent: nothing silent
 * is folded for a whole window. Set back, it puts new pushes behind the horizon: that is set back too.
 */
function withClock(
  before: PushgatewayState | undefined,
  url: string,
  takenAtSeconds: number,
  { nowMs, windows }: RetireOptions,
): { state: PushgatewayState; isClockSet: boolean } {
  const offsetSeconds = takenAtSeconds - nowMs() / 1_000;
  if (before === undefined) {
    const state = { url, horizonSeconds: 0, offsetSeconds, heldUntilSeconds: 0, tombstones: {} };
    return { state, isClockSet: false };
  }
  const stepSeconds = offsetSeconds - before.offsetSeconds;
  if (Math.abs(stepSeconds) <= CLOCK_STEP_SECONDS) {
    // Drift is followed slowly: the offset stays as it was first seen until a step.
    return { state: before, isClockSet: false };
  }
  const horizonSeconds = Math.floor(before.horizonSeconds + Math.min(0, stepSeconds));
  const heldUntilSeconds = takenAtSeconds + windows.retireAfterSeconds;
  return {
    state: { ...before, offsetSeconds, horizonSeconds, heldUntilSeconds },
    isClockSet: true,
  };
}

function isFinished(
  group: Group,
  takenAtSeconds: number,
  { heldUntilSeconds }: PushgatewayState,
  { retireAfterSeconds }: Windows,
): boolean {
  if (isClosed(group)) return true;
  if (takenAtSeconds < heldUntilSeconds) return false;
  return takenAtSeconds - lastPushSeconds(group) > retireAfterSeconds;
}

function fold(tally: Tally, group: Group, seriesOf: (own: LabelSet) => PageSeries): void {
  for (const family of group.families) {
    if (family.type === "gauge" || PROTOCOL_FAMILIES.has(family.name)) continue;
    tally.add(family, seriesOf, group.pushedAtSeconds);
  }
}

interface Advance {
  readonly tombstones: Readonly<Record<string, number>>;
  readonly doomed: readonly Doomed[];
  readonly snapshot: Snapshot;
  readonly windows: Windows;
}

/**
 * Moves the horizon, and drops the tombstones of ids whose groups are gone and under which nobody can
 * push any more. The horizon alone would not do for a group that is still there: a clock may be set.
 */
function advance(
  state: PushgatewayState,
  { tombstones, doomed, snapshot: { takenAtSeconds }, windows }: Advance,
): PushgatewayState {
  const isHeld = takenAtSeconds < state.heldUntilSeconds;
  const horizonSeconds = isHeld
    ? state.horizonSeconds
    : Math.max(state.horizonSeconds, horizonAt(takenAtSeconds, windows));
  const { leaseSeconds, resendSeconds, marginSeconds } = windows;
  const lateSeconds = leaseSeconds + resendSeconds + marginSeconds;
  const there = new Set(doomed.map(({ key }) => key["instance"]));
  const kept = Object.entries(tombstones).filter(
    ([instance, pushedAtSeconds]) =>
      there.has(instance) || pushedAtSeconds + lateSeconds >= horizonSeconds,
  );
  return { ...state, horizonSeconds, tombstones: Object.fromEntries(kept) };
}

/** A horizon that lags is harmless, so it is not written every minute for its own sake. */
function isWorthWriting(
  before: readonly PushgatewayState[],
  after: readonly PushgatewayState[],
  { retireAfterSeconds }: Windows,
): boolean {
  if (before.length !== after.length) return true;
  const byUrl = new Map(before.map((state) => [state.url, state]));
  return after.some((state) => {
    const was = byUrl.get(state.url);
    if (was === undefined || was.heldUntilSeconds !== state.heldUntilSeconds) return true;
    if (Object.keys(was.tombstones).length !== Object.keys(state.tombstones).length) return true;
    return state.horizonSeconds - was.horizonSeconds > retireAfterSeconds / 6;
  });
}

/** Deletes what no longer counts; what fails is a ghost for the next run. */
async function deleteGroups(
  doomed: readonly Doomed[],
  { timeoutMs }: RetireOptions,
): Promise<number> {
  const queue = doomed[Symbol.iterator]();
  let deleted = 0;
  const work = async () => {
    for (const { pushgateway, key } of queue) {
      if (await pushgateway.remove(key, { timeoutMs })) deleted += 1;
    }
  };
  await Promise.all(Array.from({ length: DELETIONS_AT_ONCE }, work));
  return deleted;
}
