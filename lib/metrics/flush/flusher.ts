/**
 * When an environment's metrics leave: after the response where Lambda lets an extension work, by a
 * timer where invocations overlap and nothing freezes, and before the return everywhere else.
 */

import type { Environment } from "./environment.ts";
import { registerExtension, type LambdaExtension } from "./lambda-extension.ts";
import type { Strategy } from "./strategy.ts";

/** Told when an invocation has ended and its metrics are merged. Never throws. */
export interface Flusher {
  readonly mode: "extension" | "timer" | "before-return" | "none";
  /** @param deadlineMs when the invocation's time is over, in milliseconds since the epoch. */
  afterInvocation(deadlineMs: number): Promise<void>;
}

export interface FlusherOptions {
  readonly environment: Environment;
  readonly strategy: Strategy;
  /** `AWS_LAMBDA_RUNTIME_API`; unset outside Lambda. */
  readonly runtimeApi?: string | undefined;
  /** Whether invocations overlap in one environment (`AWS_LAMBDA_MAX_CONCURRENCY` is set). */
  readonly isMultiConcurrent: boolean;
  /** Time between the flushes of the timer mode, in milliseconds. */
  readonly intervalMs: number;
  /** How long a process that ends before its time waits for its last push. Default 500. */
  readonly exitTimeoutMs?: number;
}

/** Kept of an invocation's time for what comes after the flush. */
const DEADLINE_MARGIN_MS = 100;
/** Lambda kills 500 ms after SIGTERM; the rest is for what runs before and after. */
const SHUTDOWN_TIMEOUT_MS = 300;
const EXIT_TIMEOUT_MS = 500;

/** Chooses the mode by what is there. Await it in the init phase. */
export async function openFlusher(options: FlusherOptions): Promise<Flusher> {
  const { environment, strategy, runtimeApi, isMultiConcurrent, intervalMs } = options;
  const isOnLambda = isMultiConcurrent || runtimeApi !== undefined;
  if (isOnLambda) flushAtExit(environment, options.exitTimeoutMs ?? EXIT_TIMEOUT_MS);
  if (isMultiConcurrent) return flushByTimer(environment, intervalMs);
  const extension = runtimeApi === undefined ? undefined : await registerExtension(runtimeApi);
  if (extension === undefined) return flushBeforeReturn(environment, strategy);
  flushAtShutdown(environment);
  return flushAfterResponse(environment, strategy, extension);
}

/** For an environment that pushes nothing. */
export const noFlusher: Flusher = { mode: "none", afterInvocation: () => Promise.resolve() };

/** Flushes before the handler returns: the caller waits for it. */
export function flushBeforeReturn(environment: Environment, strategy: Strategy): Flusher {
  return {
    mode: "before-return",
    async afterInvocation(deadlineMs) {
      if (strategy.isDue()) await flushInTime(environment, deadlineMs);
    },
  };
}

/**
 * Flushes from the extension, which asks for the next event only when the flush has ended. The
 * runtime posts the response one `setImmediate` after the handler settles, and synchronously: two
 * turns later nothing that is done here delays it.
 */
function flushAfterResponse(
  environment: Environment,
  strategy: Strategy,
  extension: LambdaExtension,
): Flusher {
  /** Resolves with the deadline of the next invocation to end. */
  let ended = Promise.withResolvers<number>();

  const follow = async () => {
    for (;;) {
      const readEvent = extension.askForNext();
      const deadlineMs = await ended.promise;
      ended = Promise.withResolvers();
      await nextTurn();
      await nextTurn();
      if (strategy.isDue()) await flushInTime(environment, deadlineMs);
      // It tells of the invocation that has just ended; the next one is asked for behind it.
      await readEvent();
    }
  };
  // Without its events the extension is no more; the sums stay in memory for the last flush.
  follow().catch(() => undefined);

  return {
    mode: "extension",
    afterInvocation(deadlineMs) {
      ended.resolve(deadlineMs);
      return Promise.resolve();
    },
  };
}

/** Flushes now and then: where nothing freezes, and many invocations share one push. */
function flushByTimer(environment: Environment, intervalMs: number): Flusher {
  setInterval(() => void environment.flush(), intervalMs).unref();
  return { mode: "timer", afterInvocation: () => Promise.resolve() };
}

/**
 * The last flush: it closes the group, so that it can be retired at once. Then the signal takes its
 * course: `process.exit` would wait for the thread in which the runtime client polls, until SIGKILL.
 */
function flushAtShutdown(environment: Environment): void {
  process.once("SIGTERM", () => {
    const flushed = environment.flush({ isClosing: true, timeoutMs: SHUTDOWN_TIMEOUT_MS });
    void flushed.finally(() => process.kill(process.pid, "SIGTERM"));
  });
}

/**
 * The last flush of a process that ends without a signal: by an exception nobody caught, a rejection
 * nobody handled or `process.exit`. Node.js tells it in an event after which nothing is awaited.
 */
function flushAtExit(environment: Environment, timeoutMs: number): void {
  process.once("exit", () => environment.flushAtExit(timeoutMs));
}

async function flushInTime(environment: Environment, deadlineMs: number): Promise<void> {
  const timeoutMs = deadlineMs - Date.now() - DEADLINE_MARGIN_MS;
  if (timeoutMs > 0) await environment.flush({ timeoutMs });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
