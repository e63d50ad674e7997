/**
 * The model of a simulated service: what was recorded, what was acknowledged, and what was served so
 * far. Every page is held against it.
 */

import type { MetricFamily } from "../../../lib/metrics/family.ts";
import { add, amountsOf, firstLess, raise, type Amounts } from "./amounts.ts";
import type { SimulatedEnvironment } from "./simulated-environment.ts";

export interface Reckoning {
  readonly environments: SimulatedEnvironment[];
  living(): SimulatedEnvironment[];
  /** Over all environments that ever were. */
  acknowledged(): Amounts;
  /**
   * Begins to look at a page that is asked for now. @param isEverythingDue what was acknowledged by
   * now must be on it. @returns what looks at the page.
   */
  expectPage(isEverythingDue: boolean): (page: readonly MetricFamily[]) => void;
}

/** Opens a model of nothing. */
export function createReckoning(complain: (violation: string) => void): Reckoning {
  const environments: SimulatedEnvironment[] = [];
  const served: Amounts = new Map();
  const sum = (amountsOf: (environment: SimulatedEnvironment) => Amounts) => {
    const all: Amounts = new Map();
    for (const environment of environments) add(all, amountsOf(environment));
    return all;
  };
  const acknowledged = () => sum(({ line }) => line.acknowledged());

  return {
    environments,
    living: () => environments.filter(({ process }) => !process.isDead),
    acknowledged,
    expectPage(isEverythingDue) {
      const before = new Map(served);
      const due = isEverythingDue ? acknowledged() : new Map<string, number>();
      return (page) => {
        const amounts = amountsOf(page);
        for (const [series, value] of before) {
          const now = amounts.get(series) ?? 0;
          if (now < value) complain(`${series} fell from ${value} to ${now}`);
        }
        raise(served, amounts);
        const all = sum(({ recorded }) => recorded);
        const counted = new Map(
          [...all.keys()].map((series) => [series, amounts.get(series) ?? 0]),
        );
        const doubled = firstLess(all, counted);
        if (doubled !== undefined) complain(`recorded only ${doubled} served`);
        const missing = firstLess(amounts, due);
        if (missing !== undefined) complain(`served only ${missing} acknowledged`);
      };
    },
  };
}
