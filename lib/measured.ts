/**
 * Gives any Lambda handler its metrics, as the environment variables configure them: the one line that
 * a function needs, this service's or another's (`import { measured } from "k2-trades/metrics"`).
 */

import type { Context } from "aws-lambda";
import { functionConfig } from "./config/function-config.ts";
import { metricsConfig } from "./config/metrics-config.ts";
import { readConfigOrDefaults } from "./config/read-config.ts";
import type { Log } from "./log.ts";
import type { MetricDefinition } from "./metrics/definition.ts";
import { type Environment, openEnvironment } from "./metrics/flush/environment.ts";
import type { LabelSet } from "./metrics/family.ts";
import { type Flusher, noFlusher, openFlusher } from "./metrics/flush/flusher.ts";
import { DEFAULT_LEASE } from "./metrics/push/incarnation.ts";
import type { MetricsClient } from "./metrics/record/metrics-client.ts";
import { openPushClient } from "./metrics/push/push-client.ts";
import { adaptive, everyInvocation } from "./metrics/flush/strategy.ts";
import { withMetrics, type MeasuredHandler } from "./metrics/flush/with-metrics.ts";
import { log } from "./process-log.ts";

export type { LabelSet, Log, MeasuredHandler, MetricDefinition, MetricsClient };

/** Label sets that start at 0, by metric name, so that PromQL sees their first increment. */
export type Zeros = Readonly<Record<string, readonly LabelSet[]>>;

export interface MeasuredOptions {
  /** Metrics known beside the common ones, with their help, buckets and rules. */
  readonly metrics?: readonly MetricDefinition[];
  readonly zeros?: Zeros;
  /** Where warnings go; default: JSON lines on standard output. */
  readonly log?: Log;
}

const { config, fault } = readConfigOrDefaults({ own: functionConfig, metrics: metricsConfig });
if (fault !== undefined) log.error("metrics are not pushed", { error: fault });

/**
 * Where environments push to: the Pushgateways, or nowhere with a bad variable. A wrong count is
 * worse than none, and neither may keep a request from its answer.
 */
const targets =
  fault !== undefined || config.metrics.isDisabled
    ? []
    : config.metrics.pushgateways.map((url) => openPushClient({ ...config.metrics, url }));

/**
 * Wraps a handler; awaited in the init phase, when an extension may register. With a bad variable it
 * is logged as an error that names it, and nothing is pushed; nothing else changes.
 * @param name the function, and `component` in the metrics: one name, one function.
 * @param handler gets the invocation's own metrics client after event and context.
 */
export async function measured<Event, Result>(
  name: string,
  handler: MeasuredHandler<Event, Result>,
  options: MeasuredOptions = {},
): Promise<(event: Event, context: Context) => Promise<Result>> {
  const { maxLabelSets, isStrict, pushTimeoutMs, windows } = config.metrics;
  const { service, stage, version } = config.own;
  const environment = openEnvironment({
    service,
    stage,
    component: name,
    version,
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
  return withMetrics(environment, await flusherOf(environment), handler);
}

/** Where nothing is pushed no extension is registered, and no invocation kept waiting. */
async function flusherOf(environment: Environment): Promise<Flusher> {
  if (targets.length === 0) return noFlusher;
  const { strategy, flushIntervalMs: intervalMs } = config.metrics;
  return openFlusher({
    environment,
    strategy: strategy === "adaptive" ? adaptive({ intervalMs }) : everyInvocation,
    ...config.own.lambda,
    intervalMs,
  });
}
