/**
 * `GET /metrics`: the aggregated view of every environment's metrics, for Prometheus.
 */

import { apiConfig } from "../lib/config/api-config.ts";
import { readConfig } from "../lib/config/read-config.ts";
import { metricsPage } from "../lib/metrics-page.ts";
import { SERVICE_METRICS } from "../lib/service-metrics.ts";

const { corsOrigins: origins } = readConfig({ api: apiConfig }).api;

export const handler = await metricsPage({ metrics: SERVICE_METRICS, origins });
