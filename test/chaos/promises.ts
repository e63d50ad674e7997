/** What a run must show of this project's way, and what it showed instead. */

import type { WayReport } from "./run-way.ts";

/** Every promise that a run of this project's way has broken, in a sentence each. */
export function brokenPromises(report: WayReport): string[] {
  const { verdict, pages, scrapes, decreases, groups, environments, groupsAtEnd } = report;
  if (verdict === undefined) return ["expected a verdict"];
  const { recorded, counted, unacknowledged, uncertain, lostByPushgateway, doubled } = verdict;
  const { SIGTERM, SIGKILL } = lostByPushgateway;
  const explained = counted + unacknowledged + uncertain + SIGTERM + SIGKILL;
  const checks: (readonly [isBroken: boolean, what: string])[] = [
    ...verdict.unexplained.map((what) => [true, what] as const),
    [recorded !== explained, `${recorded} orders recorded, ${explained} counted or explained`],
    [doubled > 0, `${doubled} orders counted twice`],
    [SIGTERM > 0, `${SIGTERM} orders lost by a Pushgateway that was shut down gracefully`],
    [decreases > 0, `Prometheus saw ${decreases} values fall`],
    ...pages.examples.map((what) => [true, `a page fell: ${what}`] as const),
    [groups > environments, `${groups} groups of ${environments} environments`],
    [groupsAtEnd > 0, `${groupsAtEnd} groups left long after the last environment`],
    [report.rejected.length > 0, `refused for what they held: ${report.rejected.join(", ")}`],
    [counted === 0, "nothing was counted"],
    [scrapes.good === 0 || pages.pages === 0, "nobody ever saw a page"],
  ];
  return checks.filter(([isBroken]) => isBroken).map(([, what]) => what);
}
