/**
 * Every minute: folds the groups of environments that are no more into the ledger, and deletes them.
 */

import { AGGREGATION_PARTS, openAggregation } from "../lib/aggregation.ts";
import { readConfig } from "../lib/config/read-config.ts";
import { retire } from "../lib/metrics/retire/retire.ts";
import { scheduledFunction } from "../lib/scheduled-function.ts";

/** Longest time that reading a Pushgateway or deleting a group may take. */
const TIMEOUT_MS = 20_000;
/** The function has 60 s: the rest is for a call that began in time, and for the function's own metrics. */
const BUDGET_MS = 35_000;

const aggregation = openAggregation(readConfig(AGGREGATION_PARTS));

export const handler = await scheduledFunction("retire-environments", async ({ metrics, log }) => {
  const stop = metrics.timer("metrics_retirement_duration_seconds");
  let outcome = "failed";
  try {
    const run = await retire({
      ...aggregation,
      log,
      nowMs: Date.now,
      timeoutMs: TIMEOUT_MS,
      budgetMs: BUDGET_MS,
    });
    metrics.increment("metrics_retired_groups_total", run.folded);
    metrics.increment("metrics_ghost_groups_total", run.ghosts);
    metrics.increment("metrics_clock_steps_total", run.clocksSet);
    outcome = run.isComplete ? "complete" : "partial";
    log.info("environments retired", { ...run });
  } finally {
    stop();
    metrics.increment("metrics_retirements_total", 1, { outcome });
  }
});
