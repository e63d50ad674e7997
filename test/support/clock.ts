/**
 * A clock that a test sets: both of its hands, together or each by itself.
 */

import type { Clock, Moment } from "../../lib/metrics/push/clock.ts";

export interface TestClock {
  readonly now: Clock;
  /** Time passes, for both hands. */
  pass(ms: number): void;
  /** Sets the wall clock forward or back, as an operator does. */
  setWall(byMs: number): void;
}

export function createTestClock(): TestClock {
  let moment: Moment = { wallMs: 1_700_000_000_000, monotonicMs: 1_000 };
  return {
    now: () => moment,
    pass(ms) {
      moment = { wallMs: moment.wallMs + ms, monotonicMs: moment.monotonicMs + ms };
    },
    setWall(byMs) {
      moment = { ...moment, wallMs: moment.wallMs + byMs };
    },
  };
}
