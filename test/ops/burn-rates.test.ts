/**
 * Each pair of windows of the two objectives under promtool: it fires while both of its windows burn,
 * and not when the long one alone does, nor the short one alone. Every share is a fifth or more away
 * from a threshold, and every beginning and end longer from what is asked than an alert waits, so
 * that nothing hangs on how promtool rounds, or orders what is due at one instant.
 */

import { describe, expect, it } from "vitest";
import { isPromtoolMissing, RULE_FILES, testRules } from "../support/promtool.ts";

const OF_OBJECTIVES = RULE_FILES.filter((path) => path.endsWith("/objectives.yml"));
const TIMEOUT_MS = 300_000;

/** A stretch of time: how many times the budget burns, and traffic as a multiple of the usual. */
interface Stretch {
  readonly minutes: number;
  readonly burn: number;
  readonly traffic?: number;
}

interface Pair {
  readonly windows: string;
  readonly alert: "Fast" | "Slow";
  /** Between samples, and between evaluations. */
  readonly stepMinutes: number;
  readonly burning: readonly Stretch[];
  /** The short window has forgotten it. */
  readonly ended: readonly Stretch[];
  /** The long window does not mind yet. */
  readonly begun: readonly Stretch[];
}

const HOUR = 60;
const quiet = (hours: number, traffic = 1): Stretch => ({
  minutes: hours * HOUR,
  burn: 0,
  traffic,
});
const burns = (burn: number, minutes: number): Stretch => ({ minutes, burn });

/** No other pair of the same alert burns in any of these. */
const PAIRS: readonly Pair[] = [
  {
    windows: "1 h and 5 min",
    alert: "Fast",
    stepMinutes: 1,
    burning: [quiet(6), burns(25, 65)],
    ended: [quiet(6), burns(25, 60), quiet(0.25)],
    begun: [quiet(6), burns(25, 20)],
  },
  {
    windows: "6 h and 30 min",
    alert: "Fast",
    stepMinutes: 5,
    burning: [quiet(8), burns(10, 5 * HOUR)],
    ended: [quiet(8), burns(10, 5 * HOUR), quiet(0.75)],
    begun: [quiet(8), burns(10, 2 * HOUR)],
  },
  // Before it so many more requests were answered that three days don't mind.
  {
    windows: "1 d and 2 h",
    alert: "Slow",
    stepMinutes: 30,
    burning: [quiet(60, 5), burns(5, 30 * HOUR)],
    ended: [quiet(60, 5), burns(5, 30 * HOUR), quiet(3)],
    begun: [quiet(60, 5), burns(5, 8 * HOUR)],
  },
  {
    windows: "3 d and 6 h",
    alert: "Slow",
    stepMinutes: 30,
    burning: [quiet(80), burns(2, 48 * HOUR)],
    ended: [quiet(80), burns(2, 48 * HOUR), quiet(9)],
    begun: [quiet(80), burns(2, 24 * HOUR)],
  },
];

const LABELS = 'service="k2-trades",environment="prod",method="GET",endpoint="/trades"';
const REQUESTS_A_MINUTE = 600_000;

/** What each objective counts, as a share of all requests where `bad` of them spend its budget. */
const OBJECTIVES = {
  ApiErrorBudget: {
    budget: 0.001,
    counters: {
      'api_requests_total{status_code="500",': (bad: number) => bad,
      'api_requests_total{status_code="200",': (bad: number) => 1 - bad,
    },
  },
  ApiLatencyBudget: {
    budget: 0.01,
    counters: {
      'api_request_duration_seconds_bucket{le="0.5",': (bad: number) => 1 - bad,
      "api_request_duration_seconds_count{": () => 1,
    },
  },
} as const;

const STATES = ["burning", "ended", "begun"] as const;
const CASES = PAIRS.flatMap((pair) => STATES.map((state) => ({ ...pair, state })));

function seriesOf(stretches: readonly Stretch[], stepMinutes: number) {
  return Object.values(OBJECTIVES).flatMap(({ budget, counters }) =>
    Object.entries(counters).map(([name, shareOf]) => ({
      series: `${name}${LABELS}}`,
      values: valuesOf(stretches, stepMinutes, (burn) => shareOf(burn * budget)),
    })),
  );
}

/** A counter's values in promtool's notation. */
function valuesOf(
  stretches: readonly Stretch[],
  stepMinutes: number,
  share: (burn: number) => number,
): string {
  let value = 0;
  const parts = stretches.map(({ minutes, burn, traffic = 1 }) => {
    const step = Math.round(REQUESTS_A_MINUTE * stepMinutes * traffic * share(burn));
    const steps = minutes / stepMinutes;
    const first = value + step;
    value += step * steps;
    return `${first}+${step}x${steps - 1}`;
  });
  return `0 ${parts.join(" ")}`;
}

describe.skipIf(isPromtoolMissing)("a pair of windows of each objective", () => {
  it.each(CASES)(
    "$windows, $state",
    ({ state, alert, stepMinutes, ...pair }) => {
      const minutes = pair[state].reduce((sum, stretch) => sum + stretch.minutes, 0);
      const asked = Object.keys(OBJECTIVES).map((objective) => ({
        expr: `count(ALERTS{alertname="${objective}Burns${alert}",alertstate="firing"})`,
        eval_time: `${minutes}m`,
        exp_samples: state === "burning" ? [{ labels: "{}", value: 1 }] : [],
      }));
      const input_series = seriesOf(pair[state], stepMinutes);
      const test = { input_series, promql_expr_test: asked };
      expect(testRules([test], `${stepMinutes}m`, OF_OBJECTIVES)).toContain("SUCCESS");
    },
    TIMEOUT_MS,
  );
});
