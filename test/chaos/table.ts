/** The reports of a chaos run as tables in Markdown. */

import { WAYS, type WayReport } from "./run-way.ts";

/** One row for each way, all under the same load and faults. Values are orders, but for the last three columns. */
export function waysTable(reports: readonly WayReport[]): string {
  const head = [
    "",
    "recorded",
    "counted",
    "lost",
    "doubled",
    "`increase()`",
    "decreases",
    "groups",
  ];
  const rows = reports.map((report) => [
    WAYS[report.way].title,
    ...[report.recorded, report.counted, lostBy(report), report.doubled].map(formatNumber),
    ...[report.increase, report.decreases, report.groups].map(formatNumber),
  ]);
  return layOut([head, ...rows]);
}

/** Where the missing orders of this project's way went: each to a cause that no metrics can help. */
export function lossesTable({ verdict }: WayReport): string {
  if (verdict === undefined) return "";
  const { recorded, counted, unacknowledged, uncertain, lostByPushgateway, doubled } = verdict;
  const rows: [string, number][] = [
    ["recorded", recorded],
    ["counted", counted],
    ["not acknowledged when their process ended", unacknowledged],
    ["in a Pushgateway killed by SIGKILL, not yet in its file", lostByPushgateway.SIGKILL],
    ["in a Pushgateway ended by SIGTERM", lostByPushgateway.SIGTERM],
    ["uncertain: never answered, and given up", uncertain],
    ["doubled", doubled],
    ["differences without a cause", verdict.unexplained.length],
  ];
  return layOut([["", "orders"], ...rows.map(([name, value]) => [name, formatNumber(value)])]);
}

/** How often what happened, in one line. */
export function formatCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${formatNumber(count)} ${name}`)
    .join(", ");
}

/** All that is missing but what was counted of it: for a way with causes too, the sum of all. */
function lostBy({ verdict, lost }: WayReport): number {
  return verdict === undefined ? lost : verdict.recorded - verdict.counted;
}

function formatNumber(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function layOut([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(" | ")} |`;
  const rule = widths.map(
    (width, at) => "-".repeat(width - (at === 0 ? 0 : 1)) + (at === 0 ? "" : ":"),
  );
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
