/**
 * What a handler records with: counters, gauges, histograms and timers, in the registry of its own
 * invocation. Nothing here ever throws into a handler, unless strict mode was asked for.
 */

import type { Admission, Definitions } from "./definitions.ts";
import type { LabelSet, MetricType } from "../family.ts";
import { createInvocationRegistry, type RecordedFamily } from "./invocation-registry.ts";
import { isRefusal, refusal, type Refusal } from "./refusal.ts";

export interface MetricsClient {
  /** Adds to a counter. `name` gets `_total` if it lacks it. @param value at least 0; default 1. */
  increment(name: string, value?: number, labels?: LabelSet): void;
  /** Sets a gauge. @param value any finite number. */
  gauge(name: string, value: number, labels?: LabelSet): void;
  /** Observes a value. @param value at least 0, in the unit that the name ends in. */
  histogram(name: string, value: number, labels?: LabelSet): void;
  /**
   * Starts a timer for a histogram. The returned function stops it, observes the time since and
   * returns it: in milliseconds when the name ends in `_milliseconds`, else in seconds. Labels given
   * at the stop are added to those given here.
   */
  timer(name: string, labels?: LabelSet): (labels?: LabelSet) => number;
  /** This invocation's own metrics in the Prometheus text format 0.0.4. */
  generateMetrics(): Promise<string>;
  /**
   * Records what comes to light only after the invocation has ended: it goes to the environment's
   * totals, and leaves with its next flush.
   */
  readonly afterwards: MetricsClient;
}

/** The client as its environment sees it. */
export interface InvocationMetrics extends MetricsClient {
  /** Everything recorded since the last call. */
  collect(): Iterable<RecordedFamily>;
}

/**
 * Makes the client of one invocation.
 * @param refuse told of each sample that can't be recorded as asked; it counts and logs, or throws.
 * @param afterwards for what is recorded after it; default: the client itself.
 */
export function createMetricsClient(
  definitions: Definitions,
  refuse: (refusal: Refusal) => void,
  afterwards?: MetricsClient,
): InvocationMetrics {
  const registry = createInvocationRegistry();

  const record = (
    type: MetricType,
    name: string,
    value: number,
    labels: LabelSet,
    more?: LabelSet,
  ) => {
    const admission = admit(type, name, value, labels, more);
    if (isRefusal(admission)) return refuse(admission);
    if (admission.overflow !== undefined) refuse(admission.overflow);
    registry.record(admission, value);
  };

  /** Whatever a caller passes in place of a name or labels, nothing it does when read comes through. */
  const admit = (
    type: MetricType,
    name: string,
    value: number,
    labels: LabelSet,
    more?: LabelSet,
  ): Admission | Refusal => {
    try {
      const all = more === undefined ? labels : { ...labels, ...more };
      return definitions.admit(type, name, value, all);
    } catch {
      return refusal("internal", name, "reading its labels threw");
    }
  };

  const client: InvocationMetrics = {
    increment: (name, value = 1, labels = {}) => record("counter", name, value, labels),
    gauge: (name, value, labels = {}) => record("gauge", name, value, labels),
    histogram: (name, value, labels = {}) => record("histogram", name, value, labels),
    timer(name, labels = {}) {
      const startMs = performance.now();
      const isInMilliseconds = typeof name === "string" && name.endsWith("_milliseconds");
      return (more) => {
        const elapsedMs = performance.now() - startMs;
        const value = isInMilliseconds ? elapsedMs : elapsedMs / 1_000;
        record("histogram", name, value, labels, more);
        return value;
      };
    },
    generateMetrics: () => registry.metrics(),
    get afterwards() {
      return afterwards ?? client;
    },
    collect: () => registry.collect(),
  };
  return client;
}
