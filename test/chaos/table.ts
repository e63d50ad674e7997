/** The reports of a chaos run as tables in Markdown. */

import { WAYS, type WayReport } from "./run-way.ts";
import { ENDINGS } from "./verdict.ts";

/** What the columns mean, for those who read the table alone. */
export const LEGEND = `Values up to \`increase()\` are orders; each part of an invocation records 1 to 3.

- recorded: by the handlers, as each process wrote it down itself
- counted: on the page at the end
- lost: recorded and not counted, process by process. Of these
  - with a process: the last it recorded before it ended, taken by no Pushgateway
  - with a Pushgateway: taken, and not yet in its file when it was killed
  - unanswered: in a push that nobody ever answered, and that was given up
- doubled: counted more often than recorded, process by process
- increase(): what PromQL makes of all pages together
- decreases: how often Prometheus saw a value fall
- groups: on the Pushgateways when all is quiet
- environments: that live then

For prom-client's own pushes no causes are looked for.
`;

/** One row for each way, all under the same load and faults. */
export function waysTable(reports: readonly WayReport[]): string {
  const head = [
    "",
    "recorded",
    "counted",
    "lost",
    "with a process",
    "with a Pushgateway",
    "unanswered",
    "doubled",
    "`increase()`",
    "decreases",
    "groups",
    "environments",
  ];
  const rows = reports.map((report) => [
    WAYS[report.way].title,
    ...[report.recorded, report.counted, lostBy(report)].map(formatNumber),
    ...causesOf(report),
    ...[report.doubled, report.increase, report.decreases].map(formatNumber),
    ...[report.groups, report.environments].map(formatNumber),
  ]);
  return layOut([head, ...rows]);
}

/** Where the missing orders of this project's way went: each to a cause that no metrics can help. */
export function lossesTable({ verdict }: WayReport): string {
  if (verdict === undefined) return "";
  const { losses, lostByPushgateway, uncertain, living, unexplained } = verdict;
  const rows: [string, ...(number | undefined)[]][] = [
    ...ENDINGS.map((ending): [string, number, number, number] => {
      const { processes, orders, pushed } = losses[ending];
      return [`processes ${ending}`, processes, orders, pushed];
    }),
    ["processes that lived to the end", living, 0, 0],
    ["in a Pushgateway killed before it wrote them down", undefined, lostByPushgateway.SIGKILL],
    ["in a Pushgateway ended by SIGTERM", undefined, lostByPushgateway.SIGTERM],
    ["in a push that nobody ever answered", undefined, uncertain],
    ["differences without a cause", undefined, unexplained.length],
  ];
  const cell = (value: number | undefined) => (value === undefined ? "" : formatNumber(value));
  return layOut([
    ["", "processes", "orders lost", "of which pushed in vain"],
    ...rows.map(([name, ...values]) => [name, ...[0, 1, 2].map((at) => cell(values[at]))]),
  ]);
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

function causesOf({ verdict }: WayReport): string[] {
  if (verdict === undefined) return ["–", "–", "–"];
  const { unacknowledged, uncertain, lostByPushgateway } = verdict;
  const { SIGKILL, SIGTERM } = lostByPushgateway;
  return [unacknowledged, SIGKILL + SIGTERM, uncertain].map(formatNumber);
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
