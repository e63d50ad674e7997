import { describe, expect, it } from "vitest";
import { ERRORS, type ErrorCode, ServiceError } from "../../lib/errors.ts";
import { problemResponse, problemType } from "../../lib/http/problem.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];

describe("problemResponse", () => {
  it("has the members of RFC 9457, in order, and the faults", () => {
    const faults = [{ pointer: "/limit", detail: "expected 1 to 1000" }];
    const error = new ServiceError("INVALID_REQUEST", "One parameter is wrong.", { faults });
    const { status, headers, body } = problemResponse(error, "id-1");
    expect(status).toBe(400);
    expect(headers).toEqual({ "content-type": "application/problem+json; charset=utf-8" });
    expect(body).toBe(
      JSON.stringify({
        type: "/problems/invalid-request",
        title: "The request is not valid",
        status: 400,
        detail: "One parameter is wrong.",
        instance: "urn:correlation-id:id-1",
        errors: faults,
      }),
    );
  });

  it.each([
    [1, "1"],
    [0.2, "1"],
    [-3, "0"],
  ])("says Retry-After of %d seconds as %s", (retryAfterSeconds, header) => {
    const error = new ServiceError("THROTTLED", "slow down", { retryAfterSeconds });
    expect(problemResponse(error, "x").headers["retry-after"]).toBe(header);
  });

  it("adds the headers that the error brings", () => {
    const error = new ServiceError("METHOD_NOT_ALLOWED", "no", { headers: { allow: "GET" } });
    expect(problemResponse(error, "x").headers).toMatchObject({ allow: "GET" });
  });

  it.each([
    ["a plain error", new Error("secret")],
    ["a text", "secret"],
    ["nothing", undefined],
    ["a service error that is not for callers", new ServiceError("INVALID_CONFIG", "secret")],
    ["one with headers", new ServiceError("INTERNAL", "secret", { headers: { "x-a": "secret" } })],
  ])("shows nothing of %s", (_, error) => {
    const response = problemResponse(error, "x");
    expect(response.status).toBe(500);
    expect(JSON.parse(response.body)).toMatchObject({ type: "/problems/internal" });
    expect(JSON.stringify(response)).not.toContain("secret");
  });

  it.each(codes)("answers %s with the catalogue's status", (code) => {
    expect(problemResponse(new ServiceError(code, "…"), "x").status).toBe(ERRORS[code].status);
  });

  it("has a type of its own for each code", () => {
    expect(new Set(codes.map(problemType)).size).toBe(codes.length);
  });
});
