import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { simulate, type Rule, type SimulationOptions } from "../support/simulation.ts";

/** Runs of each kind; `.ci/run` asks for many more. */
const RUNS = Number(process.env["PROTOCOL_RUNS"] ?? 150);
const MAX_RUNS_WITHOUT_A_RULE = 10_000;

interface Broken {
  /** Shows the run again: `PROTOCOL_SEED=… PROTOCOL_RUNS=1`. */
  readonly seed: number;
  readonly violations: readonly string[];
}

/** The first of many random runs that breaks a promise, if any does. */
async function firstBroken(
  options: Partial<SimulationOptions>,
  runs: number,
): Promise<Broken | undefined> {
  const given = process.env["PROTOCOL_SEED"];
  let broken: Broken | undefined;
  const property = fc.asyncProperty(fc.scheduler(), fc.integer(), async (scheduler, seed) => {
    const { violations } = await simulate({ scheduler, seed, ...options });
    if (violations.length > 0) broken = { seed, violations };
    return violations.length === 0;
  });
  const result = await fc.check(property, {
    numRuns: runs,
    endOnFailure: true,
    ...(given === undefined ? {} : { seed: Number(given) }),
  });
  if (!result.failed) return undefined;
  if (broken === undefined) throw result.errorInstance;
  return { ...broken, seed: result.seed };
}

describe("the protocol, whatever is interleaved, lost or late", () => {
  it.each<[string, Partial<SimulationOptions>]>([
    ["one Pushgateway, one Prometheus", {}],
    ["several Pushgateways, two Prometheus servers", { pushgateways: 3, scrapers: 2 }],
    ["families refused with 400", { hasRejections: true }],
  ])(
    "counts every increment once and never falls (promises 1, 2, 3): %s",
    async (_kind, options) => {
      expect(await firstBroken(options, RUNS)).toBeUndefined();
    },
    600_000,
  );

  it.each<[string, Partial<SimulationOptions>]>([
    ["a Pushgateway loses its data, or takes half a body", { hasLoss: true }],
    ["everything at once", { hasLoss: true, hasRejections: true, pushgateways: 2, scrapers: 2 }],
  ])(
    "never falls and never counts twice (promises 2, 3): %s",
    async (_kind, options) => {
      expect(await firstBroken(options, RUNS)).toBeUndefined();
    },
    600_000,
  );
});

describe("each rule is needed: without it some run breaks a promise", () => {
  it.each<[Rule, Partial<SimulationOptions>]>([
    ["lease", {}],
    ["conditional-write", {}],
    ["read-order", {}],
    ["ghosts", { hasLoss: true }],
    ["parking", {}],
    ["give-up", {}],
    ["bounded-lateness", {}],
    ["floor", { hasLoss: true }],
  ])(
    "%s",
    async (without, options) => {
      const broken = await firstBroken({ without, ...options }, MAX_RUNS_WITHOUT_A_RULE);
      expect(broken?.violations.length).toBeGreaterThan(0);
    },
    600_000,
  );
});
