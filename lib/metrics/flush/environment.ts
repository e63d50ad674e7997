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
import type { PushRequest, PushTarget } from "../push/push-target.ts";
import { pushNowhere } from "../push/push-nowhere.ts";
import { createPusher, type PushEvent } from "../push/pusher.ts";
import { isRefusal, refusal, type Refusal } from "../record/refusal.ts";
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
  /** Longest time the flush may take, waiting for another included. Default: the push's own limit. */
  readonly timeoutMs?: number;
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
   * @returns whether it was acknowledged in time, but for families that the Pushgateway rejects.
   */
  flush(options?: FlushOptions): Promise<boolean>;
  /** Adds what `merge`s when this process ends, before the last of its metrics leave. */
  beforeEnd(mergeOpen: () => void): void;
  /**
   * Pushes everything not acknowledged, and closes the groups: the environment ends. It waits for no
   * flush under way. Never rejects; nothing is flushed afterwards.
   * @returns whether everything was acknowledged in that time.
   */
  close(timeoutMs: number): Promise<boolean>;
  /** As `close`, for a process that can wait for nothing: what is to be sent at once. Never throws. */
  endNow(): LastWords;
}

/** What an environment has to say when its process ends. */
export interface LastWords {
  /** At most a few; none when everything was acknowledged. */
  readonly requests: readonly PushRequest[];
  /** @param statuses each request's; 0 where no answer came in time. */
  answered(statuses: readonly number[]): void;
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
  let isClosed = false;

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

  const push = async ({ leftMs, isLastChance }: Asked) => {
    const timeoutMs = Math.min(leftMs(), pushTimeoutMs);
    try {
      mergeOwn();
      if (isClosed || timeoutMs <= 0 || !(isLastChance || breaker.isClosed())) return false;
      return concluded(await pusher.push({ timeoutMs }));
    } catch (error) {
      log.error("a flush failed", { error, component });
      return false;
    }
  };
  const flush = coalesce(push, combine);

  const concluded = (isDone: boolean) => {
    if (isDone) breaker.succeeded();
    else breaker.failed();
    if (isDone && isFailing) log.info("pushes arrive again", { component });
    if (isDone) isFailing = false;
    return isDone;
  };

  const mergesAtEnd: (() => void)[] = [];
  const mergeRecorded = () => {
    for (const mergeOpen of mergesAtEnd) mergeOpen();
    merge(afterwards);
  };
  const close = async (timeoutMs: number) => {
    try {
      isClosed = true;
      mergeRecorded();
      merge(own);
      return await pusher.push({ timeoutMs: Math.min(timeoutMs, pushTimeoutMs), isClosing: true });
    } catch (error) {
      log.error("the last flush failed", { error, component });
      return false;
    }
  };
  const endNow = (): readonly PushRequest[] => {
    try {
      mergeRecorded();
      // What a last push says of itself is no reason for another.
      if (!isClosed) merge(own);
      const pushes = pusher.lastPushes();
      return pushes.map(({ target, method, key, body }) => target.toRequest(method, key, body));
    } catch (error) {
      log.error("the last flush failed", { error, component });
      return [];
    }
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
    flush({ timeoutMs = Infinity, isLastChance = false } = {}) {
      const askedAtMs = performance.now();
      const leftMs = () => timeoutMs - (performance.now() - askedAtMs);
      return within(timeoutMs, flush({ leftMs, isLastChance }));
    },
    beforeEnd: (mergeOpen) => void mergesAtEnd.push(mergeOpen),
    close: (timeoutMs) => within(timeoutMs, close(timeoutMs)),
    endNow: () => ({
      requests: endNow(),
      answered(statuses) {
        if (statuses.length === 0) return;
        const isEverythingPushed = statuses.every((status) => status >= 200 && status < 300);
        log.warn("the process ends before its time", { isEverythingPushed, component });
      },
    }),
  };
}

/** A flush asked for; its time passes while another runs. */
interface Asked {
  readonly leftMs: () => number;
  readonly isLastChance: boolean;
}

/** One flush for two callers, each of whom waits no longer than they want. */
function combine(one: Asked, other: Asked): Asked {
  return {
    leftMs: () => Math.max(one.leftMs(), other.leftMs()),
    isLastChance: one.isLastChance || other.isLastChance,
  };
}

/** The answer, or false when it takes longer; what had arrived by then is taken in first. */
function within(timeoutMs: number, answer: Promise<boolean>): Promise<boolean> {
  if (timeoutMs === Infinity) return answer;
  return new Promise((resolve) => {
    const timer = setTimeout(() => setImmediate(resolve, false), timeoutMs);
    void answer.then((isDone) => {
      clearTimeout(timer);
      resolve(isDone);
    });
  });
}

/** The series to start at 0: those in the definitions, then those given beside them. */
function listZeros(
  definitions: readonly MetricDefinition[],
  beside: Readonly<Record<string, readonly LabelSet[]>> = {},
): { name: string; labels: LabelSet }[] {
  const given = Object.entries(beside).map(([name, zeros]) => ({ name, zeros }));
  return [...definitions, ...given].flatMap(({ name, zeros = [] }) =>
    // One that is no list is one label set that can't be.
    (Array.isArray(zeros) ? zeros : [undefined]).map((labels: LabelSet) => ({ name, labels })),
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
