/**
 * One execution environment of a simulated run: a handler with its metrics, on the real code down to
 * the push, and Lambda around it, which invokes it, ends it and kills it.
 */

import type { Context } from "aws-lambda";
import { openEnvironment } from "../../../lib/metrics/flush/environment.ts";
import { flushBeforeReturn } from "../../../lib/metrics/flush/flusher.ts";
import { adaptive, everyInvocation } from "../../../lib/metrics/flush/strategy.ts";
import { withMetrics } from "../../../lib/metrics/flush/with-metrics.ts";
import type { Clock } from "../../../lib/metrics/push/clock.ts";
import type { MetricsClient } from "../../../lib/metrics/record/metrics-client.ts";
import { add, amountsRecorded, firstLess, sizeOf, type Amounts, type Recorded } from "./amounts.ts";
import { isLeftOut } from "./left-out.ts";
import { openPushLine, sendNow, type PushLine, type PushLineOptions } from "./push-line.ts";
import { forEver, WINDOWS, type Process, type World } from "./world.ts";

export interface SimulatedEnvironment {
  readonly process: Process;
  readonly recorded: Amounts;
  readonly line: PushLine;
  /** Invocations may overlap. One that hangs is killed at its deadline, and everything with it. */
  invoke(event: InvocationEvent): void;
  /** As at SIGTERM: the last flush, then the end. */
  shutDown(): void;
  /** As with SIGKILL. */
  kill(): void;
  /** Ends the process as an uncaught exception does. */
  crash(): void;
  /** Sets the wall hand of its clock. */
  setClock(byMs: number): void;
  flush(): void;
  /** Whether nothing is left to push: what did not arrive never will. */
  isAtRest(): boolean;
}

export interface InvocationEvent {
  readonly recorded: Recorded;
  readonly isHanging: boolean;
}

export interface SimulatedEnvironmentOptions extends Omit<PushLineOptions, "process"> {
  readonly service: string;
  readonly stage: string;
  readonly component: string;
  readonly bounds: readonly number[];
  readonly isAdaptive: boolean;
  readonly hasRejections: boolean;
  /** Its monotonic clock stands still, as one may that does not count a freeze. */
  readonly isFrozen: boolean;
  readonly newInstance: () => string;
  readonly complain: (violation: string) => void;
}

const DEADLINE_MS = 30_000;
/** The watchdog's flush begins this long before it. */
const WATCHDOG_MS = 400;
/** Lambda kills 500 ms after SIGTERM. */
const SHUTDOWN_TIMEOUT_MS = 300;
/** A request may take this long: the Pushgateway is slow. */
const PUSH_TIMEOUT_MS = 5_000;

/** Starts it; nothing is sent before it is invoked. */
export function startSimulatedEnvironment(
  world: World,
  options: SimulatedEnvironmentOptions,
): SimulatedEnvironment {
  const { service, stage, component, complain } = options;
  const process: Process = { isDead: false, fates: [] };
  const line = openPushLine(world, { ...options, process });
  const key = { job: service, component, environment: stage };
  const recorded: Amounts = new Map();
  const isAtRest = () => firstLess(line.accounted(), recorded) === undefined;
  /** Invocations that have not been merged yet. */
  let open = 0;
  let wallStepMs = 0;
  let isAnythingGivenUp = false;

  const clock: Clock = () => ({
    wallMs: isLeftOut("wall clock") ? 0 : Date.now() + wallStepMs,
    monotonicMs: options.isFrozen || isLeftOut("monotonic clock") ? 0 : Date.now(),
  });
  const environment = openEnvironment({
    service,
    stage,
    component,
    version: "1.0.0",
    targets: line.targets,
    log: {
      debug() {},
      info() {},
      warn(message, fields = {}) {
        if (message === "a push was never answered") isAnythingGivenUp = true;
        if (fields["isEverythingPushed"] === true) checkPushed("the end");
      },
      error: (message, fields) => complain(`${message}: ${String(fields?.["error"])}`),
      with: () => {
        throw new Error("not needed");
      },
    },
    metrics: [
      {
        name: "simulated_size_bytes",
        type: "histogram",
        help: "Sizes.",
        buckets: options.bounds,
      },
    ],
    maxLabelSets: 20,
    pushTimeoutMs: PUSH_TIMEOUT_MS,
    lease: {
      leaseMs: isLeftOut("lease") ? 1e12 : WINDOWS.leaseSeconds * 1_000,
      resendMs: WINDOWS.resendSeconds * 1_000,
      maxAgeMs: 6 * 3_600_000,
    },
    clock,
    newInstance: options.newInstance,
  });
  const strategy = options.isAdaptive ? adaptive({ intervalMs: 600_000, clock }) : everyInvocation;

  const record = (metrics: MetricsClient, what: Recorded) => {
    metrics.increment("simulated_events_total", what.amount, { kind: what.kind });
    metrics.histogram("simulated_size_bytes", sizeOf(what.amount));
    metrics.gauge("simulated_level", what.amount);
    add(recorded, amountsRecorded(what, key));
  };
  const handler = withMetrics(
    environment,
    flushBeforeReturn(environment, strategy),
    async (event: InvocationEvent, _context, metrics) => {
      record(metrics, event.recorded);
      await world.turn(process, "the handler works");
      record(metrics, event.recorded);
      if (event.isHanging) await forEver();
      open -= 1;
    },
  );
  /** Held against what it says of itself; a family that is rejected is left out of it. */
  const checkPushed = (what: string, all: Amounts = recorded) => {
    if (options.hasRejections || isAnythingGivenUp) return;
    const missing = firstLess(line.accounted(), all);
    if (missing !== undefined) complain(`${what} said it was done with only ${missing}`);
  };
  const hold = async (what: string, answer: Promise<boolean>, before: Amounts) => {
    if (await answer) checkPushed(what, before);
  };

  return {
    process,
    recorded,
    line,
    isAtRest,
    invoke(event) {
      const context = { getRemainingTimeInMillis: () => DEADLINE_MS } as Context;
      open += 1;
      world.stopAt(Date.now() + DEADLINE_MS - WATCHDOG_MS);
      if (event.isHanging) setTimeout(() => (process.isDead = true), DEADLINE_MS);
      void handler(event, context);
    },
    shutDown() {
      const closed = hold("a shutdown", environment.close(SHUTDOWN_TIMEOUT_MS), new Map(recorded));
      void closed.then(() => (process.isDead = true));
    },
    kill() {
      process.isDead = true;
    },
    crash() {
      process.isDead = true;
      const words = environment.endNow();
      words.answered(sendNow(words.requests));
    },
    setClock(byMs) {
      wallStepMs += byMs;
    },
    flush() {
      // What is recorded and not merged yet is not in it.
      const before: Amounts = open === 0 ? new Map(recorded) : new Map();
      void hold("a flush", environment.flush(), before);
    },
  };
}
