/**
 * Time as a lease needs it: two clocks, trusted only where they agree that little time has passed.
 */

export interface Moment {
  /** Milliseconds since the epoch; may be set forward or back. */
  readonly wallMs: number;
  /** Milliseconds since some start; never goes back, but may stand still while frozen. */
  readonly monotonicMs: number;
}

export type Clock = () => Moment;

/** A wall clock slewed by NTP goes back by less than this; a step of more says nothing can be trusted. */
const TOLERATED_STEP_BACK_MS = 1_000;

export const systemClock: Clock = () => ({
  wallMs: Date.now(),
  monotonicMs: performance.now(),
});

/**
 * How much time may have passed, in milliseconds: the larger of both clocks, or `Infinity` when the
 * wall clock went back, since then neither can be believed.
 */
export function elapsedMs(since: Moment, now: Moment): number {
  const wallMs = now.wallMs - since.wallMs;
  if (wallMs < -TOLERATED_STEP_BACK_MS) return Infinity;
  return Math.max(wallMs, now.monotonicMs - since.monotonicMs, 0);
}
