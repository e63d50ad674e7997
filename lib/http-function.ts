/**
 * Functions that API Gateway invokes: a request in, a response out, both measured.
 */

import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from "aws-lambda";
import type { AllowedOrigins } from "./http/cors.ts";
import { handleHttp } from "./http/handle.ts";
import type { HttpRequest } from "./http/request.ts";
import type { HttpResponse } from "./http/response.ts";
import type { TimedInvocation } from "./invocation.ts";
import { measured, type Zeros } from "./measured.ts";
import { log } from "./process-log.ts";
import { recordExchange } from "./request-metrics.ts";

export type HttpHandler = (
  event: APIGatewayProxyEvent,
  context: Context,
) => Promise<APIGatewayProxyResult>;

/** Answers a request, or throws a `ServiceError` for what the caller should hear. */
export type Respond = (
  request: HttpRequest,
  invocation: TimedInvocation,
) => Promise<HttpResponse> | HttpResponse;

export interface HttpFunctionOptions {
  /** The function's name in `serverless.yml`, and `component` in the metrics. */
  readonly name: string;
  /** Templates that `endpoint` may be in the metrics. */
  readonly routes: readonly string[];
  readonly zeros: Zeros;
  /** Whose pages may read the answers. */
  readonly origins: AllowedOrigins;
}

/** Makes the Lambda handler of an HTTP function. */
export function httpFunction(
  { name, routes, zeros, origins }: HttpFunctionOptions,
  respond: Respond,
): Promise<HttpHandler> {
  const functionLog = log.with({ function: name });
  return measured<APIGatewayProxyEvent, APIGatewayProxyResult>(
    name,
    (event, context, metrics) => {
      const remainingTimeMs = context.getRemainingTimeInMillis();
      return handleHttp(
        event,
        {
          log: functionLog,
          origins,
          routes,
          remainingTimeMs,
          observe: (exchange) => recordExchange(metrics, exchange),
        },
        (request, requestLog) => respond(request, { metrics, log: requestLog, remainingTimeMs }),
      );
    },
    { log: functionLog, zeros },
  );
}
