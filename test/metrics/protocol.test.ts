import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { simulate, type SimulationOptions } from "../support/simulation/simulation.ts";
import type { Rule } from "../support/simulation/world.ts";

/** Runs of each kind; `.ci/run` asks for many more. */
const RUNS = Number(process.env["PROTOCOL_RUNS"] ?? 100);
/** The rarest, "stale snapshots", is met once in some 4,000. */
const MAX_RUNS_WITHOUT_A_RULE = 50_000;
const TIMEOUT_MS = 1_800_000;

type Kind = Partial<SimulationOptions>;

interface Broken {
  /** Shows the run again: `FAST_CHECK_SEED=… PROTOCOL_RUNS=…`. */
  readonly seed: number;
  readonly violations: readonly string[];
}

/** The first of many random runs that breaks a promise, if any does. */
async function firstBroken(kind: Kind, runs: number): Promise<Broken | undefined> {
  let broken: readonly string[] | undefined;
  const property = fc.asyncProperty(fc.scheduler(), fc.integer(), async (scheduler, seed) => {
    const { violations } = await simulate({ scheduler, seed, ...kind });
    if (violations.length > 0) broken = violations;
    return violations.length === 0;
  });
  const result = await fc.check(property, { numRuns: runs, endOnFailure: true });
  if (!result.failed) return undefined;
  if (broken === undefined) throw result.errorInstance;
  return { seed: result.seed, violations: broken };
}

describe("the protocol, whatever is interleaved, lost or late", () => {
  it.each<[string, Kind]>([
    ["one Pushgateway, one Prometheus", {}],
    ["several Pushgateways, two Prometheus servers", { pushgateways: 3, scrapers: 2 }],
    ["families refused with 400", { hasRejections: true }],
    ["clocks of Pushgateways that are set", { hasClockSteps: true, pushgateways: 2 }],
    ["one Pushgateway under two URLs", { hasAlias: true, pushgateways: 2 }],
    [
      "deployments that change the list of Pushgateways",
      { hasDeployments: true, pushgateways: 3, scrapers: 2 },
    ],
    [
      "all of these at once",
      { hasRejections: true, hasClockSteps: true, hasAlias: true, pushgateways: 2, scrapers: 2 },
    ],
  ])(
    "counts every increment once, never falls and leaves no group (promises 1 to 4): %s",
    async (_, kind) => {
      expect(await firstBroken(kind, RUNS)).toBeUndefined();
    },
    TIMEOUT_MS,
  );

  it.each<[string, Kind]>([
    ["a Pushgateway loses its data, or takes half a body", { hasLoss: true }],
    [
      "everything at once",
      {
        hasLoss: true,
        hasRejections: true,
        hasClockSteps: true,
        hasAlias: true,
        pushgateways: 2,
        scrapers: 2,
      },
    ],
  ])(
    "never falls and never counts twice (promises 2, 3): %s",
    async (_, kind) => {
      expect(await firstBroken(kind, RUNS)).toBeUndefined();
    },
    TIMEOUT_MS,
  );
});

describe("each rule is needed: without it some run breaks a promise", () => {
  it.each<[Rule, Kind]>([
    ["lease", {}],
    ["conditional base", {}],
    ["conditional floor", { hasLoss: true, scrapers: 2 }],
    ["read order", { scrapers: 3, longestWaitSeconds: 4_000 }],
    ["stale snapshots", { longestWaitSeconds: 4_000 }],
    ["horizon", { hasLoss: true, longestWaitSeconds: 4_000 }],
    ["tombstones", {}],
    ["parking", {}],
    ["give up", {}],
    ["last word", {}],
    ["closing mark", {}],
    ["parts by POST", { hasRejections: true }],
    ["bounded lateness", {}],
    ["clock watch", { hasClockSteps: true }],
    ["vacancy", { hasDeployments: true, pushgateways: 3 }],
    ["once an instance", { hasAlias: true }],
    ["floor", { hasLoss: true }],
  ])(
    "%s",
    async (without, kind) => {
      const broken = await firstBroken({ without, ...kind }, MAX_RUNS_WITHOUT_A_RULE);
      expect(broken?.violations.length).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
