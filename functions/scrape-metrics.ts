/**
 * `GET /metrics`: the aggregated view of every environment's metrics, for Prometheus.
 */

import { requireBearer } from "../lib/http/bearer.ts";
import { text } from "../lib/http/response.ts";
import { CONTENT_TYPES, formatPage, negotiateFormat } from "../lib/metrics/exposition.ts";
import { scrape } from "../lib/metrics/scrape.ts";
import { openAggregation } from "../lib/aggregation.ts";
import { apiFunction, config } from "../lib/service.ts";

const aggregation = openAggregation(config);

/** API Gateway gives up after 29 seconds. */
const MAX_TIMEOUT_MS = 27_000;
/** Kept back of the time Prometheus waits, for the way back. */
const MARGIN_MS = 500;
const MIN_TIMEOUT_MS = 500;

export const handler = await apiFunction("scrape-metrics", async (request) => {
  requireBearer(request, config.metrics.scrapeToken);
  const families = await scrape({
    ...aggregation,
    timeoutMs: timeoutOf(request.headers["x-prometheus-scrape-timeout-seconds"]),
  });
  const format = negotiateFormat(request.headers["accept"]);
  return text(formatPage(families, format), CONTENT_TYPES[format], { headers: { vary: "accept" } });
});

/** Prometheus says how long it waits; anything that is no number of seconds says nothing. */
function timeoutOf(scrapeTimeoutSeconds = ""): number {
  const waitsMs = Number.parseFloat(scrapeTimeoutSeconds) * 1_000 - MARGIN_MS;
  return Number.isNaN(waitsMs) ? MAX_TIMEOUT_MS : clamp(waitsMs);
}

function clamp(timeoutMs: number): number {
  return Math.min(Math.max(timeoutMs, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
}
