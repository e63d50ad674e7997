/**
 * What this service measures beside the common metrics: known to its functions and to its page.
 */

import type { MetricDefinition } from "./metrics/definition.ts";
import { LAG_SECONDS } from "./metrics/record/catalogue.ts";

export const SERVICE_METRICS: readonly MetricDefinition[] = [
  {
    name: "trade_storage_lag_seconds",
    type: "histogram",
    help: "Time from a trade to its being stored, for consumed records.",
    labels: ["topic"],
    buckets: LAG_SECONDS,
  },
];
