/**
 * How a run moves what the base knows of one Pushgateway: its clock, its horizon, its tombstones.
 */

import { horizonAt, type PushgatewayState, type Windows } from "./ledger.ts";

/** What is known of a Pushgateway that left the list is kept so long. */
const KEPT_SECONDS = 24 * 3_600;
/** A step of a Pushgateway's clock greater than this is no drift. */
const CLOCK_STEP_SECONDS = 30;

export interface Sighting {
  readonly url: string;
  /** The Pushgateway's clock. */
  readonly takenAtSeconds: number;
  /** Our own clock. */
  readonly nowSeconds: number;
  readonly windows: Windows;
}

/**
 * Looks at a Pushgateway's clock. Set forward, it would make the living look silent: nothing silent
 * is folded for a whole window. Set back, it puts new pushes behind the horizon: that is set back too.
 */
export function watchClock(
  before: PushgatewayState | undefined,
  { url, takenAtSeconds, nowSeconds, windows }: Sighting,
): { readonly state: PushgatewayState; readonly isClockSet: boolean } {
  const offsetSeconds = takenAtSeconds - nowSeconds;
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
    state: {
      ...before,
      offsetSeconds,
      horizonSeconds,
      heldUntilSeconds,
      vacantSinceSeconds: undefined,
    },
    isClockSet: true,
  };
}

export interface Seen {
  readonly takenAtSeconds: number;
  /** Groups folded now, and those that did not count any more, with their last push. */
  readonly dead: Readonly<Record<string, number>>;
  /** The last push of the group that is alive and was silent longest; `Infinity` without one. */
  readonly oldestLiveSeconds: number;
  /** Whether the configuration names it. */
  readonly isConfigured: boolean;
  readonly windows: Windows;
}

/**
 * Moves the horizon, never past a group that is alive, and drops the tombstones of ids whose groups
 * are gone and under which nobody can push any more. The horizon alone would not do for a group that
 * is still there: a clock may be set. One that is configured no more keeps them all until it is
 * forgotten: there are no more than it had groups.
 */
export function advance(
  state: PushgatewayState,
  { takenAtSeconds, dead, oldestLiveSeconds, isConfigured, windows }: Seen,
): PushgatewayState {
  const isHeld = takenAtSeconds < state.heldUntilSeconds;
  const allowedSeconds = Math.min(horizonAt(takenAtSeconds, windows), oldestLiveSeconds - 1);
  const horizonSeconds = isHeld
    ? state.horizonSeconds
    : Math.max(state.horizonSeconds, allowedSeconds);
  const { leaseSeconds, resendSeconds, marginSeconds } = windows;
  const lateSeconds = leaseSeconds + resendSeconds + marginSeconds;
  const tombstones = { ...state.tombstones, ...dead };
  const kept = Object.entries(tombstones).filter(
    ([instance, pushedAtSeconds]) =>
      !isConfigured ||
      Object.hasOwn(dead, instance) ||
      pushedAtSeconds + lateSeconds >= horizonSeconds,
  );
  return { ...state, horizonSeconds, tombstones: Object.fromEntries(kept) };
}

/**
 * Notes since when a Pushgateway has neither a place in the configuration nor a group of ours. It
 * leaves the list a window later: whoever was deployed with it pushes to it no more.
 */
export function watchVacancy(
  state: PushgatewayState,
  seen: { readonly isVacant: boolean; readonly takenAtSeconds: number; readonly windows: Windows },
): PushgatewayState {
  const { isVacant, takenAtSeconds, windows } = seen;
  const { vacantSinceSeconds = takenAtSeconds, ...occupied } = state;
  if (!isVacant) return occupied;
  const isLeaving = takenAtSeconds - vacantSinceSeconds > windows.retireAfterSeconds;
  const vacant = { ...occupied, vacantSinceSeconds };
  return isLeaving ? { ...vacant, leftAtSeconds: takenAtSeconds } : vacant;
}

/** A Pushgateway that is read is on the list, also one that comes back with what is known of it. */
export function enlist(state: PushgatewayState | undefined): PushgatewayState | undefined {
  if (state === undefined) return undefined;
  const { leftAtSeconds: _, ...listed } = state;
  return listed;
}

/** Whether a Pushgateway left the list, and is yet to be known should it come back, with an old file even. */
export function isKept(
  { leftAtSeconds, offsetSeconds }: PushgatewayState,
  nowSeconds: number,
): boolean {
  if (leftAtSeconds === undefined) return false;
  return nowSeconds + offsetSeconds - leftAtSeconds <= KEPT_SECONDS;
}

/** A horizon that lags is harmless, so it is not written every minute for its own sake. */
export function isWorthWriting(
  before: readonly PushgatewayState[],
  after: readonly PushgatewayState[],
  { retireAfterSeconds }: Windows,
): boolean {
  if (before.length !== after.length) return true;
  const byUrl = new Map(before.map((state) => [state.url, state]));
  return after.some((state) => {
    const was = byUrl.get(state.url);
    if (was === undefined || was.heldUntilSeconds !== state.heldUntilSeconds) return true;
    if (was.vacantSinceSeconds !== state.vacantSinceSeconds) return true;
    if (was.leftAtSeconds !== state.leftAtSeconds) return true;
    if (Object.keys(was.tombstones).length !== Object.keys(state.tombstones).length) return true;
    return state.horizonSeconds - was.horizonSeconds > retireAfterSeconds / 6;
  });
}
