import { expect, it } from "vitest";
import { ServiceError } from "../../lib/errors.ts";
import { throttled, toServiceError } from "../../lib/trades/dynamodb-failure.ts";

const named = (name: string) => Object.assign(new Error("of DynamoDB"), { name });

it.each([
  ["ProvisionedThroughputExceededException", "THROTTLED", 429],
  ["ThrottlingException", "THROTTLED", 429],
  ["RequestLimitExceeded", "THROTTLED", 429],
  ["InternalServerError", "UNAVAILABLE", 503],
  ["ResourceNotFoundException", "UNAVAILABLE", 503],
  ["ValidationException", "UNAVAILABLE", 503],
  ["TimeoutError", "UNAVAILABLE", 503],
])("%s is %s to callers: %i, and when to try again", (name, code, status) => {
  const cause = named(name);
  const error = toServiceError(cause);
  expect(error).toMatchObject({ code, status, retryAfterSeconds: 1, cause });
  expect(error.detail).not.toContain("of DynamoDB");
});

it("lets errors through that say all that already", () => {
  const error = new ServiceError("UNAVAILABLE", "too many writers of X at once");
  expect(toServiceError(error)).toBe(error);
});

it("takes whatever was thrown", () => {
  expect(toServiceError("?")).toMatchObject({ code: "UNAVAILABLE", cause: "?" });
  expect(throttled()).toMatchObject({ code: "THROTTLED" });
});
