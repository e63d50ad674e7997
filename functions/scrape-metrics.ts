/**
 * `GET /metrics`: the aggregated view of every environment's metrics, for Prometheus.
 */

import { metricsPage } from "../lib/metrics-page.ts";

export const handler = await metricsPage();
