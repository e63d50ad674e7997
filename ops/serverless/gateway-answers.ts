/**
 * What API Gateway answers itself, without asking a function, in the words of our own catalogue.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
 */

import { type ErrorCode, ERRORS } from "../../lib/errors.ts";
import { type Problem, problemType } from "../../lib/http/problem.ts";

/** What API Gateway says for one of its response types. */
export interface GatewayAnswer {
  readonly code: ErrorCode;
  readonly detail: string;
  /** Beside those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
}

const NOT_ALLOWED: GatewayAnswer = { code: "FORBIDDEN", detail: "The request is not allowed." };
const NO_ROUTE: GatewayAnswer = {
  code: "NOT_FOUND",
  detail: "No such route; GET / lists those there are.",
};
/** Of a function that API Gateway could not invoke, most often since Lambda throttled it. */
const NOT_REACHED: GatewayAnswer = {
  code: "UNAVAILABLE",
  detail: "The function could not be invoked.",
  headers: { "Retry-After": "1" },
};

/** By API Gateway's response type; the two defaults answer for all that are not listed. */
export const GATEWAY_ANSWERS = {
  ACCESS_DENIED: NOT_ALLOWED,
  EXPIRED_TOKEN: NOT_ALLOWED,
  INVALID_SIGNATURE: NOT_ALLOWED,
  WAF_FILTERED: NOT_ALLOWED,
  INVALID_API_KEY: { code: "FORBIDDEN", detail: "Expected a valid `x-api-key`." },
  UNAUTHORIZED: {
    code: "UNAUTHORIZED",
    detail: "Expected `authorization: Bearer` and the token.",
    headers: { "WWW-Authenticate": "Bearer" },
  },
  // API Gateway says so of any route it does not know.
  MISSING_AUTHENTICATION_TOKEN: NO_ROUTE,
  RESOURCE_NOT_FOUND: NO_ROUTE,
  REQUEST_TOO_LARGE: { code: "PAYLOAD_TOO_LARGE", detail: "API Gateway takes at most 10 MB." },
  UNSUPPORTED_MEDIA_TYPE: {
    code: "UNSUPPORTED_MEDIA_TYPE",
    detail: "Expected `content-type: application/json`.",
  },
  THROTTLED: {
    code: "THROTTLED",
    detail: "Too many requests at once.",
    headers: { "Retry-After": "1" },
  },
  QUOTA_EXCEEDED: { code: "QUOTA_EXCEEDED", detail: "The key's requests of today are used up." },
  INTEGRATION_FAILURE: NOT_REACHED,
  INTEGRATION_TIMEOUT: { ...NOT_REACHED, detail: "The answer took too long." },
  DEFAULT_4XX: { code: "INVALID_REQUEST", detail: "API Gateway could not take the request." },
  DEFAULT_5XX: { code: "INTERNAL", detail: "The request could not be handled." },
} as const satisfies Record<string, GatewayAnswer>;

export type GatewayAnswerType = keyof typeof GATEWAY_ANSWERS;

/** An answer as problem details. */
export function toProblem({ code, detail }: GatewayAnswer, correlationId: string): Problem {
  const { title, status } = ERRORS[code];
  const instance = `urn:correlation-id:${correlationId}`;
  return { type: problemType(code), title, status, detail, instance };
}
