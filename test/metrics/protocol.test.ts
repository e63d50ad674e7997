import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { commandsOf } from "../support/simulation/commands.ts";
import { leaveOut, type Rule } from "../support/simulation/left-out.ts";
import { BrokenPromise, simulate } from "../support/simulation/simulation.ts";
import type { Kind } from "../support/simulation/system.ts";

const leftOut = vi.hoisted(() => import("../support/simulation/left-out.ts"));
vi.mock(import("../../lib/metrics/flush/coalesce.ts"), async (real) =>
  (await leftOut).coalesceWithout(await real()),
);
vi.mock(import("../../lib/metrics/push/totals.ts"), async (real) =>
  (await leftOut).totalsWithout(await real()),
);
vi.mock(import("../../lib/metrics/read/deployment.ts"), async (real) =>
  (await leftOut).deploymentWithout(await real()),
);
vi.mock(import("../../lib/metrics/exact-sum.ts"), async (real) =>
  (await leftOut).sumsWithout(await real()),
);

/** Runs of each kind; `.ci/run` asks for many more. */
const RUNS = Number(process.env["PROTOCOL_RUNS"] ?? 100);
/** The rarest is met once in some thousands. */
const MAX_RUNS_WITHOUT_A_RULE = 20_000;
const TIMEOUT_MS = 1_800_000;

beforeAll(() => {
  vi.useFakeTimers({
    toFake: ["Date", "performance", "setTimeout", "clearTimeout", "setImmediate"],
  });
  // How long pushes pause after failures.
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  return () => vi.useRealTimers();
});

const ALL_BUT_LOSS: Kind = {
  hasRejections: true,
  hasClockSteps: true,
  hasOwnClockSteps: true,
  hasAlias: true,
  hasDeployments: true,
  hasBounds: true,
  isShared: true,
  isAdaptive: true,
  pushgateways: 2,
  scrapers: 2,
};

/** Whatever is interleaved, lost or late, in a kind of run. */
function property(kind: Kind) {
  return fc.asyncProperty(fc.scheduler(), commandsOf(kind), (scheduler, commands) =>
    simulate(scheduler, commands, kind),
  );
}

describe("the protocol, whatever is interleaved, lost or late", () => {
  it.each<[string, Kind]>([
    ["one Pushgateway, one Prometheus", {}],
    ["several Pushgateways, two Prometheus servers", { pushgateways: 3, scrapers: 2 }],
    ["families refused with 400", { hasRejections: true }],
    ["clocks of Pushgateways that are set", { hasClockSteps: true, pushgateways: 2 }],
    ["clocks of environments that are set or stand still", { hasOwnClockSteps: true }],
    ["one Pushgateway under two URLs", { hasAlias: true, pushgateways: 2 }],
    [
      "deployments that change the list of Pushgateways",
      { hasDeployments: true, pushgateways: 3, scrapers: 2 },
    ],
    ["histograms whose bounds differ between deployments", { hasBounds: true }],
    [
      "two functions and stages, and someone else, that share Pushgateways",
      { isShared: true, pushgateways: 2 },
    ],
    ["environments that flush now and then", { isAdaptive: true }],
    ["all of these at once", ALL_BUT_LOSS],
  ])(
    "counts every increment once, never falls and leaves no group (promises 1 to 4): %s",
    async (_, kind) => {
      await fc.assert(property(kind), { numRuns: RUNS });
    },
    TIMEOUT_MS,
  );

  it.each<[string, Kind]>([
    ["bodies are cut on their way", { hasCuts: true }],
    ["a Pushgateway starts again, empty or from an old file", { hasLoss: true }],
    ["everything at once", { ...ALL_BUT_LOSS, hasLoss: true, hasCuts: true }],
  ])(
    "never falls and never counts twice (promises 2, 3): %s",
    async (_, kind) => {
      await fc.assert(property(kind), { numRuns: RUNS });
    },
    TIMEOUT_MS,
  );
});

describe("each rule is needed: without it some run breaks a promise", () => {
  afterEach(() => leaveOut(undefined));

  it.each<[Rule, Kind]>([
    ["lease", {}],
    ["wall clock", { hasOwnClockSteps: true }],
    ["monotonic clock", { hasOwnClockSteps: true, longestWaitSeconds: 4_000 }],
    ["one push at a time", { hasRejections: true }],
    ["one Pushgateway an incarnation", { pushgateways: 2 }],
    ["parking", {}],
    ["give up", {}],
    ["last word", {}],
    ["closing mark", {}],
    ["parts by POST", { hasRejections: true }],
    ["bounded lateness", { longestWaitSeconds: 4_000 }],
    ["conditional base", {}],
    ["conditional floor", { hasLoss: true, scrapers: 8 }],
    ["write before delete", {}],
    ["read order", { scrapers: 3, longestWaitSeconds: 4_000 }],
    ["stale snapshots", { pushgateways: 3 }],
    ["horizon", { hasLoss: true, longestWaitSeconds: 4_000 }],
    ["tombstones", {}],
    ["clock watch", { hasClockSteps: true }],
    ["vacancy", { hasDeployments: true, pushgateways: 3 }],
    ["once an instance", { hasAlias: true }],
    ["own groups", { isShared: true }],
    ["exact sums", {}],
    ["floor", { hasLoss: true }],
  ])(
    "%s",
    async (rule, kind) => {
      leaveOut(rule);
      const options = { numRuns: MAX_RUNS_WITHOUT_A_RULE, endOnFailure: true };
      const { errorInstance } = await fc.check(property(kind), options);
      expect(errorInstance).toBeInstanceOf(BrokenPromise);
    },
    TIMEOUT_MS,
  );
});
