/**
 * The function behind `GET /metrics`: the aggregated view of every environment's metrics, for
 * Prometheus.
 */

import { AGGREGATION_PARTS, openAggregation } from "./aggregation.ts";
import { pageConfig } from "./config/page-config.ts";
import { readConfig } from "./config/read-config.ts";
import { ServiceError } from "./errors.ts";
import { type HttpHandler, httpFunction } from "./http-function.ts";
import { bodyBytes, MAX_BODY_BYTES } from "./http/answer-size.ts";
import { requireBearer } from "./http/bearer.ts";
import type { AllowedOrigins } from "./http/cors.ts";
import { text } from "./http/response.ts";
import type { MetricDefinition } from "./metrics/definition.ts";
import { createDefinitions } from "./metrics/record/definitions.ts";
import { CONTENT_TYPES, formatPage, negotiateFormat } from "./metrics/page/exposition.ts";
import { scrape } from "./metrics/page/scrape.ts";
import { requestZeros } from "./request-metrics.ts";
import { scrapeTimeoutMs } from "./scrape-timeout.ts";

const ROUTE = { method: "GET", template: "/metrics" } as const;

export interface MetricsPageOptions {
  /** Those that functions declare beside the common ones, for the rules of their gauges. */
  readonly metrics?: readonly MetricDefinition[];
  /** Whose pages may read it in a browser; default: nobody's. */
  readonly origins?: AllowedOrigins;
}

/**
 * Makes the handler, as the environment variables configure it; awaited in the init phase.
 * @throws {ServiceError} `INVALID_CONFIG`, naming each bad variable, and `INVALID_METRIC` for a
 *   definition that functions refuse: rather no page than a wrong one.
 */
export function metricsPage(options: MetricsPageOptions = {}): Promise<HttpHandler> {
  const { metrics = [], origins = [] } = options;
  const config = readConfig({ ...AGGREGATION_PARTS, page: pageConfig });
  const [refused] = createDefinitions({ metrics, maxLabelSets: 1 }).refused;
  if (refused !== undefined) throw new ServiceError("INVALID_METRIC", refused.detail);
  const aggregation = openAggregation(config);
  const functionOptions = {
    name: "scrape-metrics",
    routes: [ROUTE.template],
    zeros: requestZeros([ROUTE]),
    origins,
  };
  return httpFunction(functionOptions, async (request, { remainingTimeMs }) => {
    const { headers } = request;
    requireBearer(request, config.page.scrapeToken);
    const format = negotiateFormat(headers["accept"]);
    const families = await scrape({
      ...aggregation,
      metrics,
      timeoutMs: scrapeTimeoutMs(headers["x-prometheus-scrape-timeout-seconds"], remainingTimeMs),
      limit: {
        sizeOf: (some) => bodyBytes(formatPage(some, format)),
        maxBytes: MAX_BODY_BYTES,
      },
    });
    return text(formatPage(families, format), CONTENT_TYPES[format], {
      headers: { vary: "accept" },
    });
  });
}
