/**
 * The function behind `GET /metrics`: the aggregated view of every environment's metrics, for
 * Prometheus.
 */

import { AGGREGATION_PARTS, openAggregation } from "./aggregation.ts";
import { pageConfig } from "./config/page-config.ts";
import { readConfig } from "./config/read-config.ts";
import { type HttpHandler, httpFunction } from "./http-function.ts";
import { requireBearer } from "./http/bearer.ts";
import type { AllowedOrigins } from "./http/cors.ts";
import { text } from "./http/response.ts";
import type { MetricDefinition } from "./metrics/definition.ts";
import { CONTENT_TYPES, formatPage, negotiateFormat } from "./metrics/page/exposition.ts";
import { scrape } from "./metrics/page/scrape.ts";
import { requestZeros } from "./request-metrics.ts";

/** API Gateway gives up after 29 seconds. */
const MAX_TIMEOUT_MS = 27_000;
/** Kept back of the time Prometheus waits, for the way back. */
const MARGIN_MS = 500;
const MIN_TIMEOUT_MS = 500;

const ROUTE = { method: "GET", template: "/metrics" } as const;

export interface MetricsPageOptions {
  /** Those that functions declare beside the common ones, for the rules of their gauges. */
  readonly metrics?: readonly MetricDefinition[];
  /** Whose pages may read it in a browser; default: nobody's. */
  readonly origins?: AllowedOrigins;
}

/**
 * Makes the handler, as the environment variables configure it; awaited in the init phase.
 * @throws {ServiceError} `INVALID_CONFIG`, naming each bad variable: rather no page than a wrong one.
 */
export function metricsPage(options: MetricsPageOptions = {}): Promise<HttpHandler> {
  const { metrics = [], origins = [] } = options;
  const config = readConfig({ ...AGGREGATION_PARTS, page: pageConfig });
  const aggregation = openAggregation(config);
  const functionOptions = {
    name: "scrape-metrics",
    routes: [ROUTE.template],
    zeros: requestZeros([ROUTE]),
    origins,
  };
  return httpFunction(functionOptions, async (request) => {
    const { headers } = request;
    requireBearer(request, config.page.scrapeToken);
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
