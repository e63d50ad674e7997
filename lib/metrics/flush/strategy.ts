/**
 * How often an environment flushes: after every invocation, or, once it has proved busy, at most once
 * an interval. What is not flushed waits in memory for the next invocation or the shutdown.
 */

import { elapsedMs, systemClock, type Clock, type Moment } from "../push/clock.ts";

export interface Strategy {
  /** Asked at the end of each invocation: whether to flush now. */
  isDue(): boolean;
}

/** Flushes after every invocation: only a killed process loses something, its last invocation. */
export const everyInvocation: Strategy = { isDue: () => true };

export interface AdaptiveOptions {
  /** Least time between two flushes of a busy environment, in milliseconds. */
  readonly intervalMs: number;
  readonly clock?: Clock;
}

/** That many invocations in as many intervals make an environment busy. */
const BUSY_INVOCATIONS = 20;

/**
 * Flushes after every invocation until the last 20 took less than 20 intervals; then at most once an
 * interval. A busy environment that is killed without SIGTERM loses what came since its last flush,
 * at most one interval and one invocation; so does one that falls idle, until it is used again or shut down.
 */
export function adaptive({ intervalMs, clock = systemClock }: AdaptiveOptions): Strategy {
  const ends: Moment[] = [];
  let flushedAt: Moment | undefined;
  return {
    isDue() {
      const now = clock();
      const first = ends.length < BUSY_INVOCATIONS ? undefined : ends.shift();
      ends.push(now);
      const isBusy = first !== undefined && elapsedMs(first, now) < BUSY_INVOCATIONS * intervalMs;
      const isRecent = flushedAt !== undefined && elapsedMs(flushedAt, now) < intervalMs;
      if (isBusy && isRecent) return false;
      flushedAt = now;
      return true;
    },
  };
}
