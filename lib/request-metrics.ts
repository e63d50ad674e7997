/**
 * What is measured of every HTTP exchange, under templates and enumerations only, so that no caller
 * can make label sets.
 */

import type { Exchange } from "./http/handle.ts";
import type { Zeros } from "./measured.ts";
import type { MetricsClient } from "./metrics/record/metrics-client.ts";

/** Records an exchange that ended. */
export function recordExchange(metrics: MetricsClient, exchange: Exchange): void {
  const { method, route: endpoint, status, code, durationMs } = exchange;
  metrics.increment("api_requests_total", 1, { method, endpoint, status_code: String(status) });
  metrics.histogram("api_request_duration_seconds", durationMs / 1_000, { method, endpoint });
  if (code !== undefined) metrics.increment("api_errors_total", 1, { endpoint, code });
}

/** A route that a function answers. */
export interface AnsweredRoute {
  readonly method: string;
  readonly template: string;
}

const LIKELY_STATUSES = ["200", "400", "404", "429", "500", "503"];
const LIKELY_STATUSES_OF_POST = ["202", "400", "413", "415", "500", "503"];
const LIKELY_CODES = ["INVALID_REQUEST", "NOT_FOUND", "THROTTLED", "INTERNAL", "UNAVAILABLE"];
const LIKELY_CODES_OF_POST = [
  "INVALID_REQUEST",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "INTERNAL",
  "UNAVAILABLE",
];

/** What a function that answers these routes counts from 0. */
export function requestZeros(answered: readonly AnsweredRoute[]): Zeros {
  const routes = answered.map(({ method, template }) => ({ method, endpoint: template }));
  return {
    api_requests_total: routes.flatMap((route) =>
      statusesOf(route.method).map((status_code) => ({ ...route, status_code })),
    ),
    api_errors_total: routes.flatMap(({ method, endpoint }) =>
      codesOf(method).map((code) => ({ endpoint, code })),
    ),
    api_request_duration_seconds: routes,
  };
}

function statusesOf(method: string): readonly string[] {
  return method === "POST" ? LIKELY_STATUSES_OF_POST : LIKELY_STATUSES;
}

function codesOf(method: string): readonly string[] {
  return method === "POST" ? LIKELY_CODES_OF_POST : LIKELY_CODES;
}
