/**
 * Spares invocations the wait for a Pushgateway that does not answer: after a few failures in a row
 * nothing is tried until a pause is over, longer each time.
 */

import { elapsedMs, type Clock, type Moment } from "./clock.ts";

export interface CircuitBreaker {
  /** Whether to try now. */
  isClosed(): boolean;
  succeeded(): void;
  failed(): void;
}

export interface CircuitBreakerOptions {
  readonly clock: Clock;
  /** From 0 to 1; spreads the environments that failed together. Default `Math.random`. */
  readonly random?: () => number;
}

/** Failures in a row that are still tried at once. */
const TOLERATED_FAILURES = 2;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { clock, random = Math.random } = options;
  let failures = 0;
  let openedAt: Moment | undefined;
  let pauseMs = 0;

  return {
    isClosed: () => openedAt === undefined || elapsedMs(openedAt, clock()) >= pauseMs,
    succeeded() {
      failures = 0;
      openedAt = undefined;
    },
    failed() {
      failures += 1;
      if (failures <= TOLERATED_FAILURES) return;
      openedAt = clock();
      const fullMs = FIRST_PAUSE_MS * 2 ** (failures - TOLERATED_FAILURES - 1);
      pauseMs = Math.min(LONGEST_PAUSE_MS, fullMs) * (0.5 + random() / 2);
    },
  };
}
