/**
 * The function behind `GET /metrics`: the aggregated view of every environment's metrics, for
 * Prometheus.
 */

import { openAggregation } from "./aggregation.ts";
import { requireBearer } from "./http/bearer.ts";
import { text } from "./http/response.ts";
import type { MetricDefinition } from "./metrics/definition.ts";
import { CONTENT_TYPES, formatPage, negotiateFormat } from "./metrics/page/exposition.ts";
import { scrape } from "./metrics/page/scrape.ts";
import { apiFunction, config, type ApiHandler } from "./service.ts";

/** API Gateway gives up after 29 seconds. */
const MAX_TIMEOUT_MS = 27_000;
/** Kept back of the time Prometheus waits, for the way back. */
const MARGIN_MS = 500;
const MIN_TIMEOUT_MS = 500;

/**
 * Makes the handler; awaited in the init phase.
 * @param metrics those that functions declare beside the common ones, for the rules of their gauges.
 * @throws {ServiceError} `INVALID_CONFIG` when the times could retire a live environment.
 */
export function metricsPage(metrics: readonly MetricDefinition[] = []): Promise<ApiHandler> {
  const aggregation = openAggregation(config);
  return apiFunction("scrape-metrics", async (request) => {
    const { headers } = request;
    requireBearer(request, config.metrics.scrapeToken);
    const families = await scrape({
      ...aggregation,
      metrics,
      timeoutMs: timeoutOf(headers["x-prometheus-scrape-timeout-seconds"]),
    });
    const format = negotiateFormat(headers["accept"]);
    return text(formatPage(families, format), CONTENT_TYPES[format], {
      headers: { vary: "accept" },
    });
  });
}

/** Prometheus says how long it waits; anything that is no number of seconds says nothing. */
function timeoutOf(scrapeTimeoutSeconds = ""): number {
  const waitsMs = Number.parseFloat(scrapeTimeoutSeconds) * 1_000 - MARGIN_MS;
  return Number.isNaN(waitsMs) ? MAX_TIMEOUT_MS : clamp(waitsMs);
}

function clamp(timeoutMs: number): number {
  return Math.min(Math.max(timeoutMs, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
}
