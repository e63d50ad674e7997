/**
 * Gives a Lambda handler its metrics: one client an invocation, merged and flushed when it ends. The
 * handler's answer or error passes through untouched, whatever becomes of its metrics.
 */

import type { Context } from "aws-lambda";
import type { Environment } from "./environment.ts";
import type { InvocationMetrics, MetricsClient } from "./metrics-client.ts";

/** A handler that records; `metrics` belongs to its invocation alone. */
export type MeasuredHandler<Event, Result> = (
  event: Event,
  context: Context,
  metrics: MetricsClient,
) => Promise<Result>;

/** Told when an invocation has ended and its metrics are merged; makes them leave. Never throws. */
export interface Flusher {
  afterInvocation(context: Context): Promise<void>;
}

/** Flushes before the handler returns: where nothing can run after the response. */
export function flushBeforeReturn(environment: Environment): Flusher {
  return {
    async afterInvocation(context) {
      const remainingMs = context.getRemainingTimeInMillis?.() ?? Infinity;
      const timeoutMs = remainingMs - DEADLINE_MARGIN_MS;
      if (timeoutMs > 0) await environment.flush({ timeoutMs });
    },
  };
}

/** What is left of an invocation's time for everything after the flush. */
const DEADLINE_MARGIN_MS = 100;

/** Wraps a handler; one line in a function's file. */
export function withMetrics<Event, Result>(
  environment: Environment,
  flusher: Flusher,
  handler: MeasuredHandler<Event, Result>,
): (event: Event, context: Context) => Promise<Result> {
  const initSeconds = process.uptime();
  let isCold = true;

  return async (event, context) => {
    const metrics = environment.startInvocation();
    if (isCold) recordColdStart(metrics, initSeconds);
    isCold = false;
    let outcome = "error";
    try {
      const result = await handler(event, context, metrics);
      outcome = "success";
      return result;
    } finally {
      metrics.increment("lambda_invocations_total", 1, { outcome });
      environment.merge(metrics);
      await flusher.afterInvocation(context);
    }
  };
}

function recordColdStart(metrics: InvocationMetrics, initSeconds: number): void {
  metrics.increment("lambda_cold_starts_total");
  metrics.histogram("lambda_init_duration_seconds", initSeconds);
}
