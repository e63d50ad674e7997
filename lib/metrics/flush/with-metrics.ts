/**
 * Gives a Lambda handler its metrics: one client an invocation, merged and flushed when it ends. The
 * handler's answer or error passes through untouched, whatever becomes of its metrics.
 */

import type { Context } from "aws-lambda";
import type { Environment } from "./environment.ts";
import type { Flusher } from "./flusher.ts";
import type { InvocationMetrics, MetricsClient } from "../record/metrics-client.ts";

/** A handler that records; `metrics` belongs to its invocation alone. */
export type MeasuredHandler<Event, Result> = (
  event: Event,
  context: Context,
  metrics: MetricsClient,
) => Promise<Result>;

/** At the deadline Lambda kills the process: what was recorded so far leaves this long before. */
const WATCHDOG_MS = 400;
/** A longer one would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Wraps a handler; one line in a function's file. */
export function withMetrics<Event, Result>(
  environment: Environment,
  flusher: Flusher,
  handler: MeasuredHandler<Event, Result>,
): (event: Event, context: Context) => Promise<Result> {
  const initSeconds = process.uptime();
  /** Ends each invocation under way, with an outcome. */
  const running = new Set<(outcome: string) => void>();
  environment.beforeEnd(() => {
    for (const end of running) end("error");
  });
  let isCold = true;

  return async (event, context) => {
    const metrics = environment.startInvocation();
    const { requestId, leftMs } = timeOf(context);
    flusher.beforeInvocation(requestId);
    if (isCold) recordColdStart(metrics, initSeconds);
    isCold = false;
    let outcome = "error";
    let isCounted = false;
    /** Its outcome is counted once, by whichever is first: its end, its deadline, the process's end. */
    const mergeWith = (outcome: string) => {
      if (!isCounted) metrics.increment("lambda_invocations_total", 1, { outcome });
      isCounted = true;
      environment.merge(metrics);
    };
    const stopWatching = watchDeadline(leftMs(), () => {
      metrics.increment("metrics_deadline_flushes_total");
      mergeWith("timeout");
      flusher.beforeDeadline(leftMs());
    });
    const leave = async () => {
      running.delete(mergeWith);
      stopWatching();
      mergeWith(outcome);
      await flusher.afterInvocation({ requestId, leftMs });
    };
    running.add(mergeWith);
    try {
      const result = await handler(event, context, metrics);
      outcome = "success";
      return result;
    } finally {
      // Nothing in there should fail; if it does, the answer is still the handler's.
      await leave().catch(() => undefined);
    }
  };
}

/** Whoever calls the handler without a context, as a test may, gives it all the time there is. */
function timeOf(context: Partial<Context> | undefined) {
  const remainingMs = context?.getRemainingTimeInMillis?.() ?? Infinity;
  const startedAtMs = performance.now();
  return {
    requestId: context?.awsRequestId ?? "",
    leftMs: () => remainingMs - (performance.now() - startedAtMs),
  };
}

/** Calls once when the deadline is near: in the second half of the time, if that is very short. */
function watchDeadline(leftMs: number, onNear: () => void): () => void {
  if (leftMs > LONGEST_TIMER_MS) return () => {};
  const timer = setTimeout(onNear, leftMs - Math.min(WATCHDOG_MS, leftMs / 2));
  return () => clearTimeout(timer);
}

function recordColdStart(metrics: InvocationMetrics, initSeconds: number): void {
  metrics.increment("lambda_cold_starts_total");
  metrics.histogram("lambda_init_duration_seconds", initSeconds);
}
