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

/** Wraps a handler; one line in a function's file. */
export function withMetrics<Event, Result>(
  environment: Environment,
  flusher: Flusher,
  handler: MeasuredHandler<Event, Result>,
): (event: Event, context: Context) => Promise<Result> {
  const initSeconds = process.uptime();
  /** Ends each invocation under way, with an outcome. */
  const running = new Set<(outcome: string) => void>();
  environment.beforeExit(() => {
    for (const end of running) end("error");
  });
  let isCold = true;

  return async (event, context) => {
    const metrics = environment.startInvocation();
    const remainingMs = context.getRemainingTimeInMillis();
    const deadlineMs = Date.now() + remainingMs;
    if (isCold) recordColdStart(metrics, initSeconds);
    isCold = false;
    let outcome = "error";
    let isCounted = false;
    const stopWatching = watchDeadline(remainingMs, () => {
      isCounted = true;
      metrics.increment("lambda_invocations_total", 1, { outcome: "timeout" });
      metrics.increment("metrics_deadline_flushes_total");
      environment.merge(metrics);
      void environment.flush({ timeoutMs: WATCHDOG_MS / 2, isLastChance: true });
    });
    const end = (outcome: string) => {
      running.delete(end);
      stopWatching();
      if (!isCounted) metrics.increment("lambda_invocations_total", 1, { outcome });
      environment.merge(metrics);
    };
    const leave = async (outcome: string) => {
      end(outcome);
      await flusher.afterInvocation(deadlineMs);
    };
    running.add(end);
    try {
      const result = await handler(event, context, metrics);
      outcome = "success";
      return result;
    } finally {
      // Nothing in there should fail; if it does, the answer is still the handler's.
      await leave(outcome).catch(() => undefined);
    }
  };
}

/** Calls once when the deadline is near: in the second half of the time, if that is very short. */
function watchDeadline(remainingMs: number, onNear: () => void): () => void {
  const timer = setTimeout(onNear, remainingMs - Math.min(WATCHDOG_MS, remainingMs / 2));
  return () => clearTimeout(timer);
}

function recordColdStart(metrics: InvocationMetrics, initSeconds: number): void {
  metrics.increment("lambda_cold_starts_total");
  metrics.histogram("lambda_init_duration_seconds", initSeconds);
}
