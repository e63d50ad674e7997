import { describe, expect, it } from "vitest";
import { createLog, type LogLevel, type LogOptions } from "../lib/log.ts";

function recording(options: LogOptions = {}) {
  const lines: string[] = [];
  return { lines, log: createLog({ ...options, write: (line) => lines.push(line) }) };
}

describe("createLog", () => {
  it("writes one JSON object a line, the time first", () => {
    const { lines, log } = recording({ fields: { service: "k2" } });
    log.info("one\ntwo", { count: 3 });
    expect(lines).toEqual([expect.stringMatching(/^[^\n]*\n$/)]);
    const line = JSON.parse(lines[0] ?? "");
    expect(Object.keys(line)).toEqual(["timestamp", "level", "message", "service", "count"]);
    expect(line).toMatchObject({ level: "info", message: "one\ntwo", service: "k2", count: 3 });
    expect(new Date(line.timestamp).toISOString()).toBe(line.timestamp);
  });

  it.each<[LogLevel, string[]]>([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
    ["silent", []],
  ])("at level %s writes %j", (level, written) => {
    const { lines, log } = recording({ level });
    for (const at of ["debug", "info", "warn", "error"] as const) log[at]("x");
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(written);
  });

  it("adds fields with `with`, the newest winning, and leaves the first log as it was", () => {
    const { lines, log } = recording({ fields: { a: 1, b: 1 } });
    log.with({ b: 2, c: 2 }).info("x", { c: 3 });
    log.info("y");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ a: 1, b: 2, c: 3 });
    expect(JSON.parse(lines[1] ?? "")).not.toHaveProperty("c");
  });

  it("lets no field stand in for time, level or message", () => {
    const { lines, log } = recording();
    log.warn("real", { timestamp: "x", level: "x", message: "x" });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "warn", message: "real" });
  });

  it("writes errors with code, stack, causes and the parts of an AggregateError", () => {
    const { lines, log } = recording();
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    const all = new AggregateError([refused], "all failed");
    log.error("x", { error: new TypeError("outer", { cause: all }), size: 12n });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      size: "12",
      error: {
        name: "TypeError",
        message: "outer",
        stack: expect.stringContaining("log.test.ts"),
        cause: { message: "all failed", errors: [{ message: "connect", code: "ECONNREFUSED" }] },
      },
    });
  });

  it("never throws, whatever the fields hold", () => {
    const { lines, log } = recording();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const error = new Error("x");
    error.cause = error;
    const hostile = {
      toJSON() {
        throw new Error("no JSON");
      },
    };
    for (const value of [circle, error, hostile]) log.info("still there", { value });
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        message: "still there",
        log_error: expect.any(String),
      });
    }
  });
});
