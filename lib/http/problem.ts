/**
 * Errors as problem details (RFC 9457).
 */

import { ERRORS, type ErrorCode, type InputFault, ServiceError } from "../errors.ts";
import { type HttpResponse, text } from "./response.ts";

/** A problem details object, its members in the order they are sent. */
export interface Problem {
  /** `/problems/` and the error code in kebab case. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** `urn:correlation-id:` and the request's correlation id. */
  readonly instance: string;
  /** Invalid input: each fault by itself. Absent when there is none. */
  readonly errors?: readonly InputFault[];
}

export const PROBLEM_CONTENT_TYPE = "application/problem+json; charset=utf-8";

const UNPLANNED = "The request could not be handled. Its correlation id finds it in the log.";

/** The stable `type` of a code: `INVALID_REQUEST` → `/problems/invalid-request`. */
export function problemType(code: ErrorCode): string {
  return `/problems/${code.toLowerCase().replaceAll("_", "-")}`;
}

/** The code shown to callers: whatever was not meant for them is `INTERNAL`. */
export function publicCode(error: unknown): ErrorCode {
  return error instanceof ServiceError && error.status !== 500 ? error.code : "INTERNAL";
}

/** Any error as an answer. Nothing of an unplanned error shows: no message, no cause, no stack. */
export function problemResponse(error: unknown, correlationId: string): HttpResponse {
  const code = publicCode(error);
  const shown = error instanceof ServiceError && code !== "INTERNAL" ? error : undefined;
  const faults = shown?.faults ?? [];
  const problem: Problem = {
    type: problemType(code),
    title: ERRORS[code].title,
    status: ERRORS[code].status,
    detail: shown?.detail ?? UNPLANNED,
    instance: `urn:correlation-id:${correlationId}`,
    ...(faults.length === 0 ? {} : { errors: faults }),
  };
  return text(JSON.stringify(problem), PROBLEM_CONTENT_TYPE, {
    status: problem.status,
    headers: { ...retryAfter(shown), ...shown?.headers },
  });
}

function retryAfter(error: ServiceError | undefined): Record<string, string> {
  const seconds = error?.retryAfterSeconds;
  return seconds === undefined ? {} : { "retry-after": String(Math.max(0, Math.ceil(seconds))) };
}
