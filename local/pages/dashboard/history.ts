/** What the pages of the last minutes tell: rates and quantiles over time. */

import { quantileOf, sumBy, type Series, type Sums } from "./series.ts";

/** One page, reduced to what is drawn. Counters as they stood, so that rates are theirs alone. */
export interface Moment {
  /** Seconds since 1970. */
  readonly at: number;
  readonly requests: Sums;
  readonly failures: number;
  /** Cumulative, by `le`. */
  readonly durations: Sums;
  readonly records: Sums;
  readonly invocations: Sums;
}

export interface Line {
  readonly label: string;
  /** A value for each moment but the first; `null` where there is none. */
  readonly values: readonly (number | null)[];
}

/** Prometheus' own scrapes and health checks are no traffic. */
const isTraffic = ({ endpoint }: Series["labels"]): boolean =>
  endpoint !== "/metrics" && endpoint !== "/health";

/** Reduces a page. @param at when it was read, in seconds since 1970. */
export function momentOf(page: readonly Series[], at: number): Moment {
  const requests = sumBy(page, "api_requests_total", ["method", "endpoint"], isTraffic);
  const failed = sumBy(page, "api_requests_total", [], (labels) => {
    return isTraffic(labels) && (labels["status_code"] ?? "").startsWith("5");
  });
  return {
    at,
    requests,
    failures: total(failed),
    durations: sumBy(page, "api_request_duration_seconds_bucket", ["le"], isTraffic),
    records: new Map([
      ["produced", total(sumBy(page, "kafka_messages_produced_total"))],
      ["consumed", total(sumBy(page, "kafka_messages_consumed_total"))],
    ]),
    invocations: sumBy(page, "lambda_invocations_total", ["component"]),
  };
}

/** Increase a second of every counter between neighbouring moments; only what moved, or `always`. */
export function rates(
  moments: readonly Moment[],
  counters: (moment: Moment) => Sums,
  { always = false } = {},
): Line[] {
  const labels = new Set(moments.flatMap((moment) => [...counters(moment).keys()]));
  const lines = [...labels].map((label) => ({
    label,
    values: pairs(moments).map(([before, after]) => {
      const from = counters(before).get(label);
      const to = counters(after).get(label);
      return from === undefined || to === undefined ? null : (to - from) / (after.at - before.at);
    }),
  }));
  return always ? lines : lines.filter(({ values }) => values.some((value) => (value ?? 0) > 0));
}

/** Quantiles of the requests between neighbouring moments, in seconds. */
export function latencies(moments: readonly Moment[], quantiles: readonly number[]): Line[] {
  return quantiles.map((q) => ({
    label: `p${q * 100}`,
    values: pairs(moments).map(
      ([before, after]) => quantileOf(q, difference(after.durations, before.durations)) ?? null,
    ),
  }));
}

/** The increase of counters from one moment to another, by key. */
export function difference(after: Sums, before: Sums): Map<string, number> {
  return new Map([...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)]));
}

/** All of them added up. */
export function total(sums: Sums): number {
  return [...sums.values()].reduce((all, value) => all + value, 0);
}

function pairs(moments: readonly Moment[]): [Moment, Moment][] {
  return moments.slice(1).map((after, i) => [moments[i] ?? after, after]);
}
