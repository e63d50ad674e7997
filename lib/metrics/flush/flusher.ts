/**
 * When an environment's metrics leave: after the response where Lambda lets an extension work, by a
 * timer where invocations overlap and nothing freezes, and before the return everywhere else.
 */

import { joinAfterResponse, type AfterResponse } from "./after-response.ts";
import type { Environment } from "./environment.ts";
import { closeAtShutdown, flushAtExit } from "./last-flush.ts";
import type { Strategy } from "./strategy.ts";

/** Told of each invocation of an environment. Never throws. */
export interface Flusher {
  readonly mode: "extension" | "timer" | "before-return" | "none";
  /** @param requestId Lambda's id of the invocation. */
  beforeInvocation(requestId: string): void;
  /** An invocation has ended, and its metrics are merged. */
  afterInvocation(end: InvocationEnd): Promise<void>;
  /** The process may be killed soon, at an invocation's deadline: what is merged must leave now. */
  beforeDeadline(leftMs: number): void;
}

export interface InvocationEnd {
  readonly requestId: string;
  /** What is left of the invocation's time, in milliseconds, whenever it is asked. */
  readonly leftMs: () => number;
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
  /** How long the last flush may take after SIGTERM. Default 300. */
  readonly shutdownTimeoutMs?: number;
}

/** Kept of an invocation's time for what comes after the flush. */
const DEADLINE_MARGIN_MS = 200;
/** A push with less time than this would most likely end in doubt: the next one carries everything. */
const LEAST_PUSH_MS = 50;
const EXIT_TIMEOUT_MS = 500;
/** Lambda kills 500 ms after SIGTERM; the rest is for what runs before and after. */
const SHUTDOWN_TIMEOUT_MS = 300;

/** Chooses the mode by what is there. Await it in the init phase. */
export async function openFlusher(options: FlusherOptions): Promise<Flusher> {
  const { environment, strategy, runtimeApi, isMultiConcurrent, intervalMs } = options;
  const isOnLambda = isMultiConcurrent || runtimeApi !== undefined;
  if (isOnLambda) flushAtExit(environment, options.exitTimeoutMs ?? EXIT_TIMEOUT_MS);
  if (isMultiConcurrent) return flushByTimer(environment, intervalMs);
  const afterResponse = runtimeApi === undefined ? undefined : await joinAfterResponse(runtimeApi);
  if (afterResponse === undefined) return flushBeforeReturn(environment, strategy);
  closeAtShutdown(environment, options.shutdownTimeoutMs ?? SHUTDOWN_TIMEOUT_MS);
  return flushAfterResponse(environment, strategy, afterResponse);
}

/** For an environment that pushes nothing. */
export const noFlusher: Flusher = {
  mode: "none",
  beforeInvocation() {},
  afterInvocation: () => Promise.resolve(),
  beforeDeadline() {},
};

/** Flushes before the handler returns: the caller waits for it. */
export function flushBeforeReturn(environment: Environment, strategy: Strategy): Flusher {
  return {
    mode: "before-return",
    beforeInvocation() {},
    async afterInvocation({ leftMs }) {
      if (strategy.isDue()) await flushInTime(environment, leftMs());
    },
    beforeDeadline: (leftMs) => flushAtDeadline(environment, leftMs),
  };
}

/** Flushes from the extension, which asks for the next event only when the flush has ended. */
function flushAfterResponse(
  environment: Environment,
  strategy: Strategy,
  afterResponse: AfterResponse,
): Flusher {
  return {
    mode: "extension",
    beforeInvocation: (requestId) => afterResponse.begin(requestId),
    afterInvocation: ({ requestId, leftMs }) =>
      afterResponse.end(requestId, async () => {
        if (strategy.isDue()) await flushInTime(environment, leftMs());
      }),
    beforeDeadline: (leftMs) => flushAtDeadline(environment, leftMs),
  };
}

/**
 * Flushes now and then what invocations have left: where nothing freezes, many of them share one push,
 * and none ends the process.
 */
export function flushByTimer(environment: Environment, intervalMs: number): Flusher {
  let isDue = false;
  const flush = async () => {
    if (!isDue) return;
    isDue = false;
    if (!(await environment.flush())) isDue = true;
  };
  setInterval(() => void flush(), intervalMs).unref();
  return {
    mode: "timer",
    beforeInvocation() {},
    afterInvocation() {
      isDue = true;
      return Promise.resolve();
    },
    beforeDeadline: () => void (isDue = true),
  };
}

async function flushInTime(environment: Environment, leftMs: number): Promise<void> {
  const timeoutMs = leftMs - DEADLINE_MARGIN_MS;
  if (timeoutMs >= LEAST_PUSH_MS) await environment.flush({ timeoutMs });
}

/** The handler may end in the other half of the time, and flush what it recorded after this. */
function flushAtDeadline(environment: Environment, leftMs: number): void {
  void environment.flush({ timeoutMs: leftMs / 2, isLastChance: true });
}
