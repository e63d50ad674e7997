/**
 * What one run of a retirement is to do: read the groups of every Pushgateway, fold those of the dead
 * into the base's totals, and name the groups to delete. Nothing is changed yet.
 */

import type { Log } from "../../log.ts";
import { isClosed, isTorn } from "../page/aggregate.ts";
import type { Group, LabelSet, Snapshot } from "../family.ts";
import { isGroupOf, type Deployment } from "../read/deployment.ts";
import {
  furthestFirst,
  isLive,
  lastPushSeconds,
  stateOf,
  type Base,
  type PushgatewayState,
  type Windows,
} from "./ledger.ts";
import { createPageSeries, type PageSeries } from "../page/page-series.ts";
import { PROTOCOL_FAMILIES } from "../push/payload.ts";
import {
  advance,
  enlist,
  isKept,
  isWorthWriting,
  watchClock,
  watchVacancy,
} from "./retirement-horizon.ts";
import { createTally, type Tally } from "../tally.ts";

/** A Pushgateway as a retirement sees it. */
export interface RetirablePushgateway {
  readonly url: string;
  readGroups(job: string, options: { timeoutMs: number }): Promise<Snapshot>;
  /** Deletes a group; one that is not there is deleted too. @returns whether it was accepted. */
  remove(key: LabelSet, options: { timeoutMs: number }): Promise<boolean>;
}

/** The deployment is whose groups are retired. */
export interface PlanOptions extends Deployment {
  /** The Pushgateways of the configuration. */
  readonly urls: readonly string[];
  /** Opens one of them, or one that only the base still knows. */
  readonly open: (url: string) => RetirablePushgateway;
  readonly windows: Windows;
  readonly log: Log;
  /** Our own clock, for telling when a Pushgateway's was set. */
  readonly nowMs: () => number;
  /** Longest time that reading a Pushgateway or deleting a group may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What is left of the run's time, in milliseconds. */
  readonly leftMs: () => number;
}

/** A group to delete, once the base is written. */
export interface Doomed {
  readonly pushgateway: RetirablePushgateway;
  readonly key: LabelSet;
}

export interface Counts {
  /** Groups whose sums are in the base now. */
  readonly folded: number;
  /** Of the folded, those whose body was cut: what was cut off is lost. */
  readonly torn: number;
  /** Groups that counted no more and were still there. */
  readonly ghosts: number;
  /** Live groups left. */
  readonly live: number;
  /** Groups met again under another URL of their Pushgateway. */
  readonly duplicates: number;
  /** Pushgateways that could not be read. */
  readonly unread: number;
  /** Pushgateways whose clock was set. */
  readonly clocksSet: number;
}

export const NO_COUNTS: Counts = {
  folded: 0,
  torn: 0,
  ghosts: 0,
  live: 0,
  duplicates: 0,
  unread: 0,
  clocksSet: 0,
};

export interface Plan {
  readonly base: Base;
  /** Whether the base is worth a write. */
  readonly isChanged: boolean;
  readonly doomed: readonly Doomed[];
  readonly counts: Counts;
}

/** Of the run's time, kept back for deleting. */
const SHARE_OF_DELETING = 1 / 3;

/**
 * Plans a run on a base. A Pushgateway that can't be read in full is left as it is; one that keeps the
 * run waiting does so for its share of the time, and no other goes without one.
 */
export async function planRetirement(base: Base, options: PlanOptions): Promise<Plan> {
  const { urls: configured, leftMs, nowMs, windows } = options;
  const urls = furthestFirst(base, configured);
  const tally = createTally();
  tally.addStored(base.totals);
  const met = new Map<string, boolean>();
  const planned: PlannedPushgateway[] = [];
  const keptMs = Number.isFinite(leftMs()) ? leftMs() * SHARE_OF_DELETING : 0;
  // One after the other: each snapshot is large, and only one should be in memory.
  for (const [i, url] of urls.entries()) {
    const shareMs = Math.max(0, leftMs() - keptMs) / (urls.length - i);
    const timeoutMs = Math.min(options.timeoutMs, shareMs);
    planned.push(await planPushgateway({ url, base, tally, met }, { ...options, timeoutMs }));
  }
  const former = base.pushgateways.filter(
    (state) => !urls.includes(state.url) && isKept(state, nowMs() / 1_000),
  );
  const pushgateways = [...planned.flatMap(({ state }) => state ?? []), ...former];
  const counts = addCounts(planned.map((one) => one.counts));
  const totals = counts.folded === 0 ? base.totals : tally.toStored();
  return {
    base: { version: base.version + 1, totals, pushgateways },
    isChanged: counts.folded > 0 || isWorthWriting(base.pushgateways, pushgateways, windows),
    doomed: planned.flatMap(({ doomed }) => doomed),
    counts,
  };
}

interface PlannedPushgateway {
  /** Its state in the next base; `undefined` when it is new and could not be read. */
  readonly state: PushgatewayState | undefined;
  readonly doomed: readonly Doomed[];
  readonly counts: Counts;
}

interface RunSoFar {
  readonly url: string;
  readonly base: Base;
  /** Gets the totals of what is folded. */
  readonly tally: Tally;
  /** Instances met so far, and whether they are alive: a Pushgateway may have two URLs. */
  readonly met: Map<string, boolean>;
}

async function planPushgateway(run: RunSoFar, options: PlanOptions): Promise<PlannedPushgateway> {
  const { url, base } = run;
  try {
    return await planReadable(run, options);
  } catch (error) {
    options.log.warn("a Pushgateway could not be read for retirement", { url, error });
    const state = enlist(stateOf(base, url));
    return { state, doomed: [], counts: { ...NO_COUNTS, unread: 1 } };
  }
}

/** @throws when it can't be read in full; then nothing of it has become part of the run. */
async function planReadable(
  { url, base, tally, met }: RunSoFar,
  options: PlanOptions,
): Promise<PlannedPushgateway> {
  const { service, windows, log, timeoutMs, nowMs } = options;
  const pushgateway = options.open(url);
  // Before it is asked: what it takes to read much is no difference of clocks.
  const nowSeconds = nowMs() / 1_000;
  const snapshot = await pushgateway.readGroups(service, { timeoutMs });
  const { takenAtSeconds } = snapshot;
  const sighting = { url, takenAtSeconds, nowSeconds, windows };
  const { state, isClockSet } = watchClock(enlist(stateOf(base, url)), sighting);

  const dead: Record<string, number> = {};
  const alive = new Set<string>();
  const doomed: Doomed[] = [];
  const finished = createTally();
  const pageSeries = createPageSeries();
  let [folded, torn, ghosts, duplicates, oldestLiveSeconds] = [0, 0, 0, 0, Infinity];
  for await (const group of snapshot.groups) {
    if (!isGroupOf(options, group)) continue;
    const instance = group.key["instance"] ?? "";
    const pushedAtSeconds = lastPushSeconds(group);
    const wasAlive = met.get(instance);
    if (wasAlive !== undefined) {
      duplicates += 1;
      if (wasAlive) oldestLiveSeconds = Math.min(oldestLiveSeconds, pushedAtSeconds);
      // Known for folded here too: the other may not be asked, or its tombstone be gone, next time.
      else dead[instance] = pushedAtSeconds;
      continue;
    }
    const isGhost = !isLive(group, state, base);
    if (!isGhost && !isFinished(group, takenAtSeconds, state, windows)) {
      alive.add(instance);
      oldestLiveSeconds = Math.min(oldestLiveSeconds, pushedAtSeconds);
      continue;
    }
    if (isGhost) ghosts += 1;
    else {
      fold(finished, group, pageSeries(group));
      folded += 1;
      torn += Number(isTorn(group));
    }
    dead[instance] = pushedAtSeconds;
    doomed.push({ pushgateway, key: group.key });
  }

  tally.addStored(finished.toStored());
  for (const instance of alive) met.set(instance, true);
  for (const instance of Object.keys(dead)) met.set(instance, false);
  if (isClockSet) log.error("a Pushgateway's clock was set", { url });
  if (torn > 0) log.error("groups with a cut body were folded", { url, torn });
  if (duplicates > 0) log.error("a Pushgateway has two URLs", { url, duplicates });
  const isConfigured = options.urls.includes(url);
  const seen = { takenAtSeconds, dead, oldestLiveSeconds, isConfigured, windows };
  const isVacant = !isConfigured && alive.size + doomed.length === 0;
  return {
    state: watchVacancy(advance(state, seen), { isVacant, takenAtSeconds, windows }),
    doomed,
    counts: {
      folded,
      torn,
      ghosts,
      live: alive.size,
      duplicates,
      unread: 0,
      clocksSet: Number(isClockSet),
    },
  };
}

function addCounts(all: readonly Counts[]): Counts {
  const sum = (count: keyof Counts) => all.reduce((sum, one) => sum + one[count], 0);
  return {
    folded: sum("folded"),
    torn: sum("torn"),
    ghosts: sum("ghosts"),
    live: sum("live"),
    duplicates: sum("duplicates"),
    unread: sum("unread"),
    clocksSet: sum("clocksSet"),
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
