/**
 * The metrics of one execution environment: gives each invocation a client of its own, merges what it
 * recorded into the environment's totals, and flushes those to a Pushgateway.
 */

import { randomUUID } from "node:crypto";
import { ServiceError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { createCircuitBreaker } from "../push/circuit-breaker.ts";
import { systemClock, type Clock } from "../push/clock.ts";
import { coalesce } from "./coalesce.ts";
import { createDefinitions } from "../record/definitions.ts";
import type { MetricDefinition } from "../definition.ts";
import type { LabelSet } from "../family.ts";
import { createMetricsClient, type InvocationMetrics } from "../record/metrics-client.ts";
import { DEFAULT_LEASE, type Lease } from "../push/incarnation.ts";
import type { PushTarget } from "../push/push-target.ts";
import { pushNowhere } from "../push/push-nowhere.ts";
import { createPusher, type PushEvent } from "../push/pusher.ts";
import { isRefusal, refusal, type Refusal } from "../record/refusal.ts";
import { sendNow } from "./send-now.ts";
import { createTotals } from "../push/totals.ts";

export interface EnvironmentOptions {
  /** The service: the grouping key's `job`. */
  readonly service: string;
  /** The deployment, such as `dev`: the grouping key's `environment`. */
  readonly stage: string;
  /** The function: the grouping key's `component`. */
  readonly component: string;
  readonly version: string;
  /** One Pushgateway or several; each incarnation uses one of them. None: nothing is pushed. */
  readonly targets: readonly PushTarget[];
  readonly log: Log;
  /** Metrics known beside the common ones. */
  readonly metrics?: readonly MetricDefinition[];
  /** Label sets to start at 0, by metric name, beside those in the definitions. */
  readonly zeros?: Readonly<Record<string, readonly LabelSet[]>>;
  /** Label sets a family may have in this environment, those to start at 0 not counted. Default 200. */
  readonly maxLabelSets?: number;
  /** Throws on a sample that can't be recorded as asked; for tests. Default false. */
  readonly isStrict?: boolean;
  /** Longest time one push may take, in milliseconds. Default 1000. */
  readonly pushTimeoutMs?: number;
  readonly lease?: Lease;
  readonly clock?: Clock;
  readonly newInstance?: () => string;
}

export interface FlushOptions {
  /** Longest time the flush may take; the environment's own limit if that is shorter. */
  readonly timeoutMs?: number;
  /** The environment ends: its group may be retired at once. */
  readonly isClosing?: boolean;
  /** The process may be killed soon, as at a deadline: tried even where pushes pause. */
  readonly isLastChance?: boolean;
}

export interface Environment {
  readonly component: string;
  /** A client for one invocation; nothing in it is shared with another. */
  startInvocation(): InvocationMetrics;
  /** Adds what an invocation recorded since the last call to the environment's totals. */
  merge(invocation: InvocationMetrics): void;
  /**
   * Pushes everything merged before the call. Never rejects. While one flush runs, later ones wait
   * and become one. After repeated failures nothing but a last chance is tried until a pause is over.
   * @returns whether it was acknowledged, but for families that the Pushgateway rejects.
   */
  flush(options?: FlushOptions): Promise<boolean>;
  /** Adds what `merge`s when this process ends, before the last of its metrics leave. */
  beforeExit(mergeOpen: () => void): void;
  /**
   * Pushes everything not acknowledged while this thread stands still, and closes the groups: for a
   * process that is about to end. Nothing may be flushed afterwards. Never throws.
   * @param timeoutMs longest time it stands still.
   */
  flushAtExit(timeoutMs: number): void;
}

/** Opens the metrics of this execution environment; call it once, in the init phase. */
export function openEnvironment(options: EnvironmentOptions): Environment {
  const { component, version, log, clock = systemClock, maxLabelSets = 200 } = options;
  const { pushTimeoutMs = 1_000, isStrict = false } = options;
  const definitions = createDefinitions({ metrics: options.metrics ?? [], maxLabelSets });
  const totals = createTotals();
  const breaker = createCircuitBreaker({ clock });
  const logged = new Set<string>();
  let isFailing = false;

  const own = createMetricsClient(definitions, () => {});
  const report = ({ reason, metric, detail }: Refusal) => {
    own.increment("metrics_client_errors_total", 1, { reason });
    if (!isFirst(logged, `${reason} ${metric}`)) return;
    log.warn("a sample was not recorded as asked", { reason, detail, component });
  };
  const refuse = (refusal: Refusal) => {
    if (isStrict) throw new ServiceError("INVALID_METRIC", refusal.detail);
    report(refusal);
  };
  const afterwards = createMetricsClient(definitions, report);

  const onEvent = (event: PushEvent) => {
    switch (event.type) {
      case "pushed":
        own.increment("metrics_pushes_total");
        own.histogram("metrics_push_duration_seconds", event.elapsedMs / 1_000);
        if (event.outcome.outcome === "acknowledged") return;
        own.increment("metrics_push_failures_total", 1, { result: resultOf(event.outcome) });
        if (!isFailing) log.warn("a push failed", { detail: event.outcome.detail, component });
        isFailing = true;
        return;
      case "rejected":
        report(refusal("rejected_by_pushgateway", event.family, event.detail));
        return;
      case "uncertain":
        own.increment("metrics_uncertain_total", event.samples);
        log.warn("a push was never answered", { samples: event.samples, component });
    }
  };

  const { targets } = options;
  const pushing = {
    totals,
    targets,
    key: { job: options.service, component, environment: options.stage },
    lease: options.lease ?? DEFAULT_LEASE,
    clock,
    newInstance: options.newInstance ?? randomUUID,
    onEvent,
  };
  const pusher = targets.length === 0 ? pushNowhere : createPusher(pushing);

  const merge = (invocation: InvocationMetrics) => {
    for (const recorded of invocation.collect()) totals.merge(recorded);
  };

  const mergeOwn = () => {
    merge(afterwards);
    merge(own);
  };

  const push = async (asked: FlushOptions) => {
    const { timeoutMs = Infinity, isClosing = false, isLastChance = isClosing } = asked;
    try {
      mergeOwn();
      if (!isLastChance && !breaker.isClosed()) return false;
      const isDone = await pusher.push({
        timeoutMs: Math.min(timeoutMs, pushTimeoutMs),
        isClosing,
      });
      if (isDone) breaker.succeeded();
      else breaker.failed();
      if (isDone && isFailing) log.info("pushes arrive again", { component });
      if (isDone) isFailing = false;
      return isDone;
    } catch (error) {
      log.error("a flush failed", { error, component });
      return false;
    }
  };
  const flush = coalesce(push, combineFlushes);

  const mergesAtExit: (() => void)[] = [];
  const flushAtExit = (timeoutMs: number) => {
    for (const mergeOpen of mergesAtExit) mergeOpen();
    mergeOwn();
    const requests = pusher
      .lastPushes()
      .map(({ target, method, key, body }) => target.toRequest(method, key, body));
    if (requests.length === 0) return;
    const statuses = sendNow(requests, timeoutMs);
    const isDone = statuses.every((status) => status >= 200 && status < 300);
    log.warn("the process ends before its time", { isEverythingPushed: isDone, component });
  };

  for (const wrong of definitions.refused) refuse(wrong);
  for (const { name, labels } of listZeros(definitions.all(), options.zeros)) {
    const admission = definitions.admitZero(name, labels);
    if (isRefusal(admission)) refuse(admission);
    else totals.initialise(admission);
  }
  own.gauge("build_info", 1, { version });

  return {
    component,
    startInvocation: () => createMetricsClient(definitions, refuse, afterwards),
    merge,
    flush: (flushOptions = {}) => flush(flushOptions),
    beforeExit: (mergeOpen) => void mergesAtExit.push(mergeOpen),
    flushAtExit(timeoutMs) {
      try {
        flushAtExit(timeoutMs);
      } catch (error) {
        log.error("the last flush failed", { error, component });
      }
    },
  };
}

/** One flush for two callers: in time for both, and closing if either wants that. */
function combineFlushes(one: FlushOptions, other: FlushOptions): FlushOptions {
  return {
    timeoutMs: Math.min(one.timeoutMs ?? Infinity, other.timeoutMs ?? Infinity),
    ...either("isClosing", one, other),
    ...either("isLastChance", one, other),
  };
}

function either(
  name: "isClosing" | "isLastChance",
  one: FlushOptions,
  other: FlushOptions,
): FlushOptions {
  return one[name] === true || other[name] === true ? { [name]: true } : {};
}

/** The series to start at 0: those in the definitions, then those given beside them. */
function listZeros(
  definitions: readonly MetricDefinition[],
  beside: Readonly<Record<string, readonly LabelSet[]>> = {},
): { name: string; labels: LabelSet }[] {
  const given = Object.entries(beside).map(([name, zeros]) => ({ name, zeros }));
  return [...definitions, ...given].flatMap(({ name, zeros = [] }) =>
    zeros.map((labels) => ({ name, labels })),
  );
}

function resultOf(outcome: { outcome: string; status?: number }): string {
  return outcome.outcome === "refused" && outcome.status === 400 ? "rejected" : outcome.outcome;
}

/** More causes than this are not told apart in the log. */
const MAX_LOGGED_CAUSES = 100;

function isFirst(logged: Set<string>, cause: string): boolean {
  if (logged.has(cause) || logged.size >= MAX_LOGGED_CAUSES) return false;
  logged.add(cause);
  return true;
}
