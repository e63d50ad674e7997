/** The function of a chaos run, measured as this project measures its own. */

import { measured, type MetricsClient } from "../../../lib/measured.ts";
import {
  doWork,
  FAMILIES,
  KINDS,
  processName,
  SECONDS_BOUNDS,
  type Recorded,
  type Work,
} from "../work.ts";

const byKind = { labels: ["kind"], zeros: KINDS.map((kind) => ({ kind })) } as const;

export const handler = await measured<Work, number>(
  "chaos",
  (work, _context, metrics) => doWork(work, (recorded) => record(metrics, recorded)),
  {
    metrics: [
      { name: FAMILIES.process, type: "counter", help: "By process.", labels: ["process"] },
      { name: FAMILIES.orders, type: "counter", help: "Whole numbers.", ...byKind },
      { name: FAMILIES.spent, type: "counter", help: "Multiples of 1/1024.", ...byKind },
      { name: FAMILIES.weight, type: "counter", help: "Multiples of 0.1.", ...byKind },
      {
        name: FAMILIES.seconds,
        type: "histogram",
        help: "Multiples of 1/256.",
        buckets: SECONDS_BOUNDS,
        ...byKind,
      },
    ],
  },
);

function record(metrics: MetricsClient, recorded: Recorded): void {
  const { kind, orders, spent, weight, seconds } = recorded;
  metrics.increment(FAMILIES.process, orders, { process: processName });
  metrics.increment(FAMILIES.orders, orders, { kind });
  metrics.increment(FAMILIES.spent, spent, { kind });
  metrics.increment(FAMILIES.weight, weight, { kind });
  metrics.histogram(FAMILIES.seconds, seconds, { kind });
}
