/**
 * Gives any Lambda handler its metrics, as the environment variables configure them: the one line that
 * a function needs, this service's or another's (`import { measured } from "k2-trades/metrics"`).
 */

import type { Context } from "aws-lambda";
import { ServiceError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { MetricDefinition } from "./metrics/definition.ts";
import { openEnvironment } from "./metrics/flush/environment.ts";
import type { LabelSet } from "./metrics/family.ts";
import { openFlusher } from "./metrics/flush/flusher.ts";
import { DEFAULT_LEASE } from "./metrics/push/incarnation.ts";
import type { MetricsClient } from "./metrics/record/metrics-client.ts";
import type { PushTarget } from "./metrics/push/push-target.ts";
import { openPushClient } from "./metrics/push/push-client.ts";
import { adaptive, everyInvocation } from "./metrics/flush/strategy.ts";
import { withMetrics, type MeasuredHandler } from "./metrics/flush/with-metrics.ts";
import { config, log } from "./this-process.ts";
import { windowsFault } from "./windows.ts";

export type { LabelSet, Log, MeasuredHandler, MetricDefinition, MetricsClient };

export interface MeasuredOptions {
  /** Metrics known beside the common ones, with their help, buckets and rules. */
  readonly metrics?: readonly MetricDefinition[];
  /** Label sets that start at 0, by metric name, so that PromQL sees their first increment. */
  readonly zeros?: Readonly<Record<string, readonly LabelSet[]>>;
  /** Where warnings go; default: JSON lines on standard output. */
  readonly log?: Log;
}

const targets = openTargets();

/**
 * Wraps a handler; awaited in the init phase, when an extension may register.
 * @param name the function, and `component` in the metrics: one name, one function.
 * @param handler gets the invocation's own metrics client after event and context.
 * @throws {ServiceError} `INVALID_CONFIG`, when the module is loaded, naming each bad variable.
 */
export async function measured<Event, Result>(
  name: string,
  handler: MeasuredHandler<Event, Result>,
  options: MeasuredOptions = {},
): Promise<(event: Event, context: Context) => Promise<Result>> {
  const { maxLabelSets, isStrict, pushTimeoutMs, windows, flushIntervalMs } = config.metrics;
  const environment = openEnvironment({
    service: config.service,
    stage: config.stage,
    component: name,
    version: config.version,
    targets,
    log: options.log ?? log.with({ function: name }),
    metrics: options.metrics ?? [],
    zeros: options.zeros ?? {},
    maxLabelSets,
    isStrict,
    pushTimeoutMs,
    lease: {
      leaseMs: windows.leaseSeconds * 1_000,
      resendMs: windows.resendSeconds * 1_000,
      maxAgeMs: DEFAULT_LEASE.maxAgeMs,
    },
  });
  const intervalMs = flushIntervalMs;
  const flusher = await openFlusher({
    environment,
    strategy: config.metrics.strategy === "adaptive" ? adaptive({ intervalMs }) : everyInvocation,
    ...config.lambda,
    intervalMs,
  });
  return withMetrics(environment, flusher, handler);
}

/**
 * Where environments push to: the Pushgateways, or nowhere when the times could retire one that
 * lives. A wrong count is worse than none, and neither may keep a request from its answer.
 */
function openTargets(): PushTarget[] {
  const { metrics } = config;
  const fault = windowsFault(config);
  if (fault === undefined)
    return metrics.pushgateways.map((url) => openPushClient({ ...metrics, url }));
  log.error("metrics are not pushed", { code: "INVALID_CONFIG", detail: fault });
  const refuse = () => Promise.resolve({ outcome: "refused", detail: fault } as const);
  const toRequest = () => {
    throw new ServiceError("INVALID_CONFIG", fault);
  };
  return [{ url: "", put: refuse, post: refuse, toRequest }];
}
