/**
 * What came back of the traffic, as a table for people.
 */

import { formatCount } from "./progress.ts";
import type { RouteTally, TrafficTally } from "./send-traffic.ts";

/** Statuses by route, latency quantiles in milliseconds, and a few answers that were not expected. */
export function trafficTable(tally: TrafficTally, seconds: number): string {
  const routes = [...tally.routes].sort(([a], [b]) => (a < b ? -1 : 1));
  const statuses = [...new Set(routes.flatMap(([, { statuses }]) => [...statuses.keys()]))].sort(
    (a, b) => a - b,
  );
  const head = ["route", ...statuses.map(nameOfStatus), "p50 ms", "p90 ms", "p99 ms", "max ms"];
  const rows = routes.map(([route, entry]) => rowOf(route, entry, statuses));
  const { count } = tally.all;
  return [
    ...layOut([head, ...rows]),
    "",
    `${formatCount(count)} answers in ${seconds.toFixed(1)} s, ${(count / seconds).toFixed(1)}/s; ` +
      `${formatCount(tally.unexpected)} not as expected`,
    ...tally.examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

function nameOfStatus(status: number): string {
  return status === 0 ? "no answer" : String(status);
}

function rowOf(route: string, entry: RouteTally, statuses: readonly number[]): string[] {
  const { latencies } = entry;
  const times = [...[0.5, 0.9, 0.99].map((share) => latencies.quantileMs(share)), latencies.maxMs];
  return [
    route,
    ...statuses.map((status) => formatCount(entry.statuses.get(status) ?? 0)),
    ...times.map((time) => time.toFixed(1)),
  ];
}

/** The first column to the left, numbers to the right. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width + 2);
      })
      .join(""),
  );
}
