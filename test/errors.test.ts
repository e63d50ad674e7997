import { describe, expect, it } from "vitest";
import { ERRORS, ServiceError } from "../lib/errors.ts";

describe("ERRORS", () => {
  it.each(Object.entries(ERRORS))("%s has an error status and a title", (code, entry) => {
    expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/);
    expect(entry.status).toBeGreaterThanOrEqual(400);
    expect(entry.status).toBeLessThanOrEqual(599);
    expect(entry.title).toMatch(/^[A-Z].*[^.]$/);
  });
});

describe("ServiceError", () => {
  it("carries code, status, detail, faults and cause", () => {
    const cause = new Error("socket hang up");
    const faults = [{ pointer: "/limit", detail: "expected 1 to 1000" }];
    const error = new ServiceError("INVALID_REQUEST", "A parameter is wrong.", { cause, faults });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "ServiceError",
      code: "INVALID_REQUEST",
      status: 400,
      detail: "A parameter is wrong.",
      message: "INVALID_REQUEST: A parameter is wrong.",
      cause,
      faults,
    });
  });

  it("has no faults, no headers and no cause unless given", () => {
    const error = new ServiceError("NOT_FOUND", "No such thing.");
    expect(error).toMatchObject({ faults: [], headers: {}, retryAfterSeconds: undefined });
    expect(error).not.toHaveProperty("cause");
  });
});
