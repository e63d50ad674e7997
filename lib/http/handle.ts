/**
 * One HTTP exchange on Lambda: event in, result out, whatever happens in between. Errors become
 * problem details, one line is logged, and an observer hears of it.
 */

import type { APIGatewayProxyEvent, APIGatewayProxyResult } from "aws-lambda";
import type { ErrorCode } from "../errors.ts";
import type { Log } from "../log.ts";
import { type AllowedOrigins, corsHeaders } from "./cors.ts";
import { withinDeadline } from "./deadline.ts";
import { problemResponse, publicCode } from "./problem.ts";
import { type HttpRequest, toRequest } from "./request.ts";
import { fromResponse, type HttpResponse } from "./response.ts";

/**
 * Answers one request, or throws a `ServiceError` for what the caller should hear. Its log carries
 * the correlation id.
 */
export type Respond = (request: HttpRequest, log: Log) => Promise<HttpResponse> | HttpResponse;

/** An exchange in words few enough for log fields and metric labels. */
export interface Exchange {
  /** A method of RFC 9110 or RFC 5789, or `OTHER`. */
  readonly method: string;
  /** A known route's template, or `unmatched`. */
  readonly route: string;
  readonly status: number;
  /** Set when an error was answered. */
  readonly code?: ErrorCode;
  readonly durationMs: number;
}

export interface HandleOptions {
  readonly log: Log;
  readonly origins: AllowedOrigins;
  /** Templates of the routes there are; any other is `unmatched`. */
  readonly routes: readonly string[];
  /** Time the invocation has left, in milliseconds. */
  readonly remainingTimeMs: number;
  /** Hears of the exchange before its answer leaves; must not throw. */
  readonly observe: (exchange: Exchange) => void;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
/** Kept back of the invocation's time for sending the answer and the metrics. */
const DEADLINE_MARGIN_MS = 1_500;
const MIN_LIMIT_MS = 100;

/** Handles one event. Never rejects. */
export async function handleHttp(
  event: APIGatewayProxyEvent,
  options: HandleOptions,
  respond: Respond,
): Promise<APIGatewayProxyResult> {
  const startedAt = performance.now();
  const request = toRequest(event);
  const log = options.log.with({ correlation_id: request.correlationId });
  const limitMs = Math.max(MIN_LIMIT_MS, options.remainingTimeMs - DEADLINE_MARGIN_MS);
  const { response, error } = await attempt(request, limitMs, async () => respond(request, log));
  const exchange: Exchange = {
    method: METHODS.includes(request.method) ? request.method : "OTHER",
    route: options.routes.includes(request.route) ? request.route : "unmatched",
    status: response.status,
    ...(error === undefined ? {} : { code: publicCode(error) }),
    durationMs: performance.now() - startedAt,
  };
  logExchange(log, exchange, error);
  options.observe(exchange);
  return fromResponse(complete(response, request, corsHeaders(options.origins, request)));
}

interface Outcome {
  readonly response: HttpResponse;
  readonly error?: unknown;
}

async function attempt(
  request: HttpRequest,
  limitMs: number,
  work: () => Promise<HttpResponse>,
): Promise<Outcome> {
  try {
    return { response: await withinDeadline(limitMs, work()) };
  } catch (error) {
    return { response: problemResponse(error, request.correlationId), error };
  }
}

/** The one line of a request: what was asked as a template, never the values asked with. */
function logExchange(log: Log, exchange: Exchange, error: unknown): void {
  const { durationMs, ...fields } = exchange;
  const line = { ...fields, duration_ms: Math.round(durationMs * 1000) / 1000 };
  if (exchange.status >= 500) log.error("request", { ...line, error });
  else log.info("request", line);
}

/** Adds what every response has; what the responder set itself wins. */
function complete(
  response: HttpResponse,
  request: HttpRequest,
  access: Readonly<Record<string, string>>,
): HttpResponse {
  const vary = [response.headers["vary"], access["vary"]].filter((value) => value !== undefined);
  const headers = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...response.headers,
    ...access,
    ...(vary.length === 0 ? {} : { vary: vary.join(", ") }),
    "x-correlation-id": request.correlationId,
  };
  return { ...response, headers, body: request.method === "HEAD" ? "" : response.body };
}
