/**
 * The rules of the protocol that a simulated run may leave out, to show that each is needed. Most are
 * left out at the interfaces around the code, some by replacing a module: `protocol.test.ts` says which.
 */

import type * as Coalesce from "../../../lib/metrics/flush/coalesce.ts";
import type * as ExactSum from "../../../lib/metrics/exact-sum.ts";
import type * as DeploymentModule from "../../../lib/metrics/read/deployment.ts";
import type * as Totals from "../../../lib/metrics/push/totals.ts";

export type Rule =
  /** An environment that was silent for too long pushes under a new id. */
  | "lease"
  /** Elapsed time is that of the wall clock, if it says more. */
  | "wall clock"
  /** Elapsed time is that of the monotonic clock, if it says more. */
  | "monotonic clock"
  /** One push of an environment is under way at a time. */
  | "one push at a time"
  /** An incarnation stays with one Pushgateway. */
  | "one Pushgateway an incarnation"
  /** A push that nobody answered is parked. */
  | "parking"
  /** What was parked is never pending again. */
  | "give up"
  /** Nothing follows a push that was sent twice. */
  | "last word"
  /** Only what nothing will follow is marked as closed. */
  | "closing mark"
  /** Parts of a payload are POSTed. */
  | "parts by POST"
  /** No push is applied later than the margin after it was sent. */
  | "bounded lateness"
  /** The base is replaced only by who has read it. */
  | "conditional base"
  /** The floor is replaced only by who has read it. */
  | "conditional floor"
  /** A group is deleted only after its sums were written to the base. */
  | "write before delete"
  /** Groups are read before the ledger. */
  | "read order"
  /** A snapshot older than the horizon is read again. */
  | "stale snapshots"
  /** A group behind the horizon does not count. */
  | "horizon"
  /** A group that was folded does not count. */
  | "tombstones"
  /** After a clock was set nothing silent is folded for a window. */
  | "clock watch"
  /** A Pushgateway stays on the list for a window after it was found empty. */
  | "vacancy"
  /** An instance that is read twice counts once. */
  | "once an instance"
  /** Only groups of the deployment are read, folded and deleted. */
  | "own groups"
  /** Sums are exact, in whatever order they are added. */
  | "exact sums"
  /** No page is served below the last. */
  | "floor";

let leftOut: Rule | undefined;

/** Leaves a rule out from now on, or none. */
export function leaveOut(rule: Rule | undefined): void {
  leftOut = rule;
}

export function isLeftOut(rule: Rule): boolean {
  return leftOut === rule;
}

/** Every flush begins at once, without "one push at a time". */
export function coalesceWithout({ coalesce }: typeof Coalesce): typeof Coalesce {
  return {
    coalesce: (run, combine) => (isLeftOut("one push at a time") ? run : coalesce(run, combine)),
  };
}

/** A doubtful sum is parked and carried on as well, without "give up". */
export function totalsWithout({ createTotals }: typeof Totals): typeof Totals {
  return {
    createTotals() {
      const totals = createTotals();
      if (!isLeftOut("give up")) return totals;
      return {
        ...totals,
        settle(fate, isIncluded) {
          if (fate !== "surrendered") return totals.settle(fate, isIncluded);
          totals.settle("pending", isIncluded);
          return 0;
        },
      };
    },
  };
}

/** Whoever's groups are taken for those of the deployment, without "own groups". */
export function deploymentWithout({ isGroupOf }: typeof DeploymentModule): typeof DeploymentModule {
  return {
    isGroupOf: (deployment, group) => isLeftOut("own groups") || isGroupOf(deployment, group),
  };
}

/** Doubles are added as they come, without "exact sums". */
export function sumsWithout(real: typeof ExactSum): typeof ExactSum {
  return {
    ...real,
    addValue(sum, value) {
      if (isLeftOut("exact sums")) sum.integer += value;
      else real.addValue(sum, value);
    },
    addSum(sum, from) {
      if (isLeftOut("exact sums")) sum.integer += from.integer;
      else real.addSum(sum, from);
    },
    exactSum(value = 0) {
      return isLeftOut("exact sums") ? { integer: value, partials: [] } : real.exactSum(value);
    },
  };
}
