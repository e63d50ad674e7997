/**
 * What a failure of DynamoDB means to our callers.
 */

import { ServiceError } from "../errors.ts";

const RETRY_AFTER_SECONDS = 1;

/** Names DynamoDB refuses for load with. */
const THROTTLING = new Set([
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ThrottlingException",
]);

/** `THROTTLED` when DynamoDB refused for load even after the client's retries, else `UNAVAILABLE`. */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return error instanceof Error && THROTTLING.has(error.name)
    ? throttled(error)
    : new ServiceError("UNAVAILABLE", "DynamoDB did not answer as expected", {
        cause: error,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
}

/** DynamoDB refuses for load; another try in a second may succeed. */
export function throttled(cause?: unknown): ServiceError {
  return new ServiceError("THROTTLED", "DynamoDB refuses requests for load", {
    cause,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
