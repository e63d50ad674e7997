/**
 * One execution environment of a simulated run: the real client, totals and pusher.
 */

import { createDefinitions } from "../../../lib/metrics/record/definitions.ts";
import { createMetricsClient } from "../../../lib/metrics/record/metrics-client.ts";
import { createPusher } from "../../../lib/metrics/push/pusher.ts";
import { createTotals, type Totals } from "../../../lib/metrics/push/totals.ts";
import { COUNTED, noCounts, sumOf, type Counts } from "./counts.ts";
import { openPushLine, type PushLineOptions, type Truth } from "./pushes.ts";
import { WINDOWS, type Process, type World } from "./world.ts";

export const SERVICE = "simulated";
export const STAGE = "test";
/** Room for all the requests of a push. */
const MAX_PUSH_SECONDS = 60;

export interface SimulatedEnvironment {
  readonly process: Process;
  readonly recorded: Counts;
  readonly truth: Truth;
  /** Whether a push is under way. */
  readonly isBusy: boolean;
  record(): void;
  /** @returns whether everything arrived but what is rejected. */
  push(isClosing?: boolean): Promise<boolean>;
  /** Ends the process as an uncaught exception does. @returns whether its last words arrived. */
  crash(): boolean;
  /** Whether nothing is left to push: what did not arrive never will. */
  isAtRest(): boolean;
}

export interface SimulatedEnvironmentOptions extends Omit<PushLineOptions, "process"> {
  readonly newInstance: () => string;
  readonly onUncertain: () => void;
}

export function createSimulatedEnvironment(
  world: World,
  options: SimulatedEnvironmentOptions,
): SimulatedEnvironment {
  const process: Process = { isDead: false };
  const line = openPushLine(world, { ...options, process });
  const definitions = createDefinitions({ maxLabelSets: 20 });
  const totals = world.without === "give up" ? withDoubtCarriedOn(createTotals()) : createTotals();
  const pusher = createPusher({
    totals,
    targets: line.targets,
    key: { job: SERVICE, component: "c", environment: STAGE },
    lease: {
      leaseMs: world.without === "lease" ? 1e12 : WINDOWS.leaseSeconds * 1_000,
      resendMs: WINDOWS.resendSeconds * 1_000,
      maxAgeMs: 6 * 3_600_000,
    },
    clock: () => ({ wallMs: world.nowSeconds() * 1_000, monotonicMs: world.nowSeconds() * 1_000 }),
    newInstance: options.newInstance,
    onEvent(event) {
      if (event.type === "uncertain") options.onUncertain();
    },
  });
  const recorded = noCounts();
  let [isBusy, isDone] = [false, true];

  return {
    process,
    recorded,
    truth: line.truth,
    get isBusy() {
      return isBusy;
    },
    record() {
      const amount = 1 + world.random.below(3);
      const client = createMetricsClient(definitions, ({ detail }) => world.complain(detail));
      client.increment("simulated_events_total", amount, { kind: `k${world.random.below(3)}` });
      client.histogram("simulated_size_bytes", amount * 1_000.25);
      client.gauge("simulated_level", amount);
      for (const family of client.collect()) totals.merge(family);
      recorded.simulated_events_total += amount;
      recorded.simulated_size_bytes += 1;
      recorded.bytes += amount * 1_000.25;
      isDone = false;
    },
    async push(isClosing = false) {
      isBusy = true;
      isDone = await pusher.push({ timeoutMs: MAX_PUSH_SECONDS * 1_000, isClosing });
      isBusy = false;
      return isDone;
    },
    crash() {
      process.isDead = true;
      return line.sendLast(pusher.lastPushes());
    },
    isAtRest() {
      const settled = sumOf([line.truth.acknowledged(), line.truth.doubtful()]);
      return isDone && COUNTED.every((name) => settled[name] >= recorded[name]);
    },
  };
}

/** Without the rule that a doubtful sum is counted at most once: parked and carried on as well. */
function withDoubtCarriedOn(totals: Totals): Totals {
  return {
    ...totals,
    settle: (fate, isIncluded) => {
      if (fate !== "surrendered") return totals.settle(fate, isIncluded);
      totals.settle("pending", isIncluded);
      return 0;
    },
  };
}
