import { describe, expect, it } from "vitest";
import { describeLogLine, showRequests } from "../../local/request-lines.ts";

const request = {
  timestamp: "2026-11-22T12:03:04.567Z",
  level: "info",
  message: "request",
  service: "k2-trades",
  function: "list-trades",
  method: "GET",
  route: "/trades",
  status: 200,
  duration_ms: 12.345,
};

describe("a line of the functions' output", () => {
  it.each([
    ["a request", request, "12:03:04  200    12.3 ms  GET /trades"],
    [
      "a failed request",
      {
        ...request,
        level: "error",
        status: 503,
        error: { name: "ServiceError", message: "UNAVAILABLE: no answer" },
      },
      "12:03:04  503    12.3 ms  GET /trades: UNAVAILABLE: no answer",
    ],
    [
      "a warning",
      { ...request, level: "warn", message: "push failed" },
      "12:03:04  warn: push failed",
    ],
    [
      "an error",
      { ...request, level: "error", message: "push failed", error: { message: "status 503" } },
      "12:03:04  error: push failed: status 503",
    ],
  ])("that is %s is shown in short", (_fact, entry, line) => {
    expect(describeLogLine(JSON.stringify(entry))).toBe(line);
  });

  it.each([
    ["a remark of the tools", "Server ready: http://127.0.0.1:8000"],
    ["a remark of the service", JSON.stringify({ ...request, message: "environment opened" })],
    ["no log line", '{"a":1}'],
    ["cut off", '{"timestamp":"2026'],
    ["empty", ""],
  ])("that is %s is not shown", (_fact, line) => {
    expect(describeLogLine(line)).toBeUndefined();
  });
});

describe("showing requests", () => {
  it("prints ten a second, and tells how many more there were", () => {
    let now = 0;
    const printed: string[] = [];
    const show = showRequests({ print: (line) => printed.push(line), now: () => now });
    for (let count = 0; count < 25; count += 1) show(JSON.stringify(request));
    show("noise");
    expect(printed).toHaveLength(10);
    now = 1_000;
    show(JSON.stringify(request));
    expect(printed.slice(10)).toEqual(["… and 15 more", describeLogLine(JSON.stringify(request))]);
    now = 2_000;
    show(JSON.stringify(request));
    expect(printed).toHaveLength(13);
  });
});
