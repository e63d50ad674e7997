/**
 * Trying again what a busy or absent database refused.
 */

import { setTimeout as delay } from "node:timers/promises";
import { ServiceError } from "../lib/errors.ts";

/** Waits between tries, unless the database says how long; then it has failed. */
const WAIT_SECONDS = [1, 2, 4, 8];

export interface RetryOptions {
  /** Ends the waiting: the last error is thrown. */
  readonly signal: AbortSignal;
  /** Hears before each wait what failed, and for how long it waits. */
  readonly onRetry: (text: string) => void;
}

/**
 * Runs it until it succeeds, five times at most.
 * @param work safe to repeat, whatever came of it.
 * @throws the last error; at once when it is not one that passes.
 */
export async function withRetries<Result>(
  work: () => Promise<Result>,
  { signal, onRetry }: RetryOptions,
): Promise<Result> {
  for (const seconds of WAIT_SECONDS)
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || signal.aborted) throw error;
      const waitSeconds = Math.max(seconds, error.retryAfterSeconds ?? 0);
      onRetry(`${error.detail}; trying again in ${waitSeconds} s`);
      await delay(waitSeconds * 1_000, undefined, { signal }).catch(() => {});
    }
  return work();
}

function isPassing(error: unknown): error is ServiceError {
  return (
    error instanceof ServiceError && (error.code === "THROTTLED" || error.code === "UNAVAILABLE")
  );
}
