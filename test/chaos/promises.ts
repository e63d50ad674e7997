/** What a run must show of this project's way, and what it showed instead. */

import { WINDOWS } from "./stack.ts";
import type { WayReport } from "./run-way.ts";

/** A run that got fewer pages than this share of its scrapes has looked away too often to say anything. */
const LEAST_SCRAPES = 0.1;

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
    [
      groupsAtEnd > 0,
      `${groupsAtEnd} groups left ${WINDOWS.retireAfterSeconds} s after the last environment`,
    ],
    [report.rejected.length > 0, `refused for what they held: ${report.rejected.join(", ")}`],
    [counted === 0, "nothing was counted"],
    [
      scrapes.good < LEAST_SCRAPES * scrapes.all || pages.pages === 0,
      `${scrapes.good} of ${scrapes.all} scrapes and ${pages.pages} pages`,
    ],
  ];
  return checks.filter(([isBroken]) => isBroken).map(([, what]) => what);
}
