/**
 * The composition root: what every function of this service is made of, put together once in the init
 * phase.
 */

import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from "aws-lambda";
import { type Exchange, handleHttp } from "./http/handle.ts";
import type { HttpRequest } from "./http/request.ts";
import type { HttpResponse } from "./http/response.ts";
import type { Log } from "./log.ts";
import { measured } from "./measured.ts";
import type { LabelSet } from "./metrics/family.ts";
import type { MetricsClient } from "./metrics/record/metrics-client.ts";
import { routesOf, TEMPLATES } from "./routes.ts";
import { config, log } from "./this-process.ts";

export { config };

/** What a request's responder has to hand. */
export interface Invocation {
  /** Belongs to this invocation alone. */
  readonly metrics: MetricsClient;
  /** Its lines carry the function's name and the correlation id. */
  readonly log: Log;
}

export type ApiHandler = (
  event: APIGatewayProxyEvent,
  context: Context,
) => Promise<APIGatewayProxyResult>;

export type ScheduledHandler = (event: unknown, context: Context) => Promise<void>;

export type EventHandler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

/**
 * Makes the Lambda handler of an HTTP function.
 * @param name the function's name in `serverless.yml`, and `component` in the metrics.
 * @param more label sets that start at 0 beside those of its requests and queries, by metric name.
 */
export function apiFunction(
  name: string,
  respond: (request: HttpRequest, invocation: Invocation) => Promise<HttpResponse> | HttpResponse,
  more: Readonly<Record<string, readonly LabelSet[]>> = {},
): Promise<ApiHandler> {
  const functionLog = log.with({ function: name });
  const zeros = { ...requestZeros(name), ...queryZeros(name), ...more };
  return measured<APIGatewayProxyEvent, APIGatewayProxyResult>(
    name,
    (event, context, metrics) =>
      handleHttp(
        event,
        {
          log: functionLog,
          origins: config.corsOrigins,
          routes: TEMPLATES,
          remainingTimeMs: context.getRemainingTimeInMillis(),
          observe: (exchange) => recordExchange(metrics, exchange),
        },
        (request, log) => respond(request, { metrics, log }),
      ),
    { log: functionLog, zeros },
  );
}

/**
 * Makes the Lambda handler of a function that a schedule invokes.
 * @param name as for `apiFunction`.
 * @param zeros label sets that start at 0, by metric name.
 */
export function scheduledFunction(
  name: string,
  run: (invocation: Invocation) => Promise<void>,
  zeros: Readonly<Record<string, readonly LabelSet[]>> = {},
): Promise<ScheduledHandler> {
  const functionLog = log.with({ function: name });
  return measured<unknown, void>(
    name,
    (_event, _context, metrics) => run({ metrics, log: functionLog }),
    { log: functionLog, zeros },
  );
}

/**
 * Makes the Lambda handler of a function that an event source mapping invokes.
 * @param name as for `apiFunction`.
 * @param zeros label sets that start at 0, by metric name.
 */
export function eventFunction<Event, Result>(
  name: string,
  handle: (
    event: Event,
    invocation: Invocation & { readonly remainingTimeMs: number },
  ) => Promise<Result>,
  zeros: Readonly<Record<string, readonly LabelSet[]>> = {},
): Promise<EventHandler<Event, Result>> {
  const functionLog = log.with({ function: name });
  return measured<Event, Result>(
    name,
    (event, context, metrics) => {
      const remainingTimeMs = context.getRemainingTimeInMillis();
      const invocationLog = functionLog.with({ request_id: context.awsRequestId });
      return handle(event, { metrics, log: invocationLog, remainingTimeMs });
    },
    { log: functionLog, zeros },
  );
}

/** Templates and enumerations only, so that no caller can make label sets. */
function recordExchange(metrics: MetricsClient, exchange: Exchange): void {
  const { method, route: endpoint, status, code, durationMs } = exchange;
  metrics.increment("api_requests_total", 1, { method, endpoint, status_code: String(status) });
  metrics.histogram("api_request_duration_seconds", durationMs / 1_000, { method, endpoint });
  if (code !== undefined) metrics.increment("api_errors_total", 1, { endpoint, code });
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

/** The queries of each function that makes some. */
const QUERIES: Readonly<Record<string, readonly string[]>> = {
  "list-trades": ["list_trades"],
  "list-symbols": ["list_symbols"],
  "summarize-day": ["summarize_day"],
};

function requestZeros(name: string): Record<string, LabelSet[]> {
  const routes = routesOf(name).map(({ method, template }) => ({ method, endpoint: template }));
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

function queryZeros(name: string): Record<string, LabelSet[]> {
  const sets = (QUERIES[name] ?? []).map((query_type) => ({ engine: "dynamodb", query_type }));
  return { query_duration_milliseconds: sets, query_rows_returned: sets };
}
