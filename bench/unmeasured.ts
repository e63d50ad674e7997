/**
 * Stands for `lib/measured.ts` in a bundle without metrics, for benches that ask what metrics cost.
 */

import type { Context } from "aws-lambda";
import type { MeasuredHandler } from "../lib/measured.ts";
import type { MetricsClient } from "../lib/metrics/record/metrics-client.ts";

const NO_METRICS: MetricsClient = {
  increment() {},
  gauge() {},
  histogram() {},
  timer: () => () => 0,
  generateMetrics: () => Promise.resolve(""),
  get afterwards() {
    return NO_METRICS;
  },
};

/** Leaves the handler as it is. */
export function measured<Event, Result>(
  _name: string,
  handler: MeasuredHandler<Event, Result>,
): Promise<(event: Event, context: Context) => Promise<Result>> {
  return Promise.resolve((event, context) => handler(event, context, NO_METRICS));
}
