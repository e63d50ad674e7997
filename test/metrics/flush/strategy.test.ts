import { describe, expect, it } from "vitest";
import { createTestClock } from "../../support/clock.ts";
import { adaptive, everyInvocation } from "../../../lib/metrics/flush/strategy.ts";

/** How many of the invocations, one every `everyMs`, are flushed after. */
function flushes(everyMs: number, invocations: number, pass: "pass" | "setWall" = "pass"): number {
  const clock = createTestClock();
  const strategy = adaptive({ intervalMs: 1_000, clock: clock.now });
  let due = 0;
  for (let i = 0; i < invocations; i += 1) {
    if (strategy.isDue()) due += 1;
    clock[pass](everyMs);
  }
  return due;
}

describe("strategies", () => {
  it("every: each invocation is flushed after", () => {
    expect([everyInvocation.isDue(), everyInvocation.isDue()]).toEqual([true, true]);
  });

  it.each([
    { everyMs: 2_000, invocations: 100, expected: 100, why: "it is not busy" },
    { everyMs: 10, invocations: 20, expected: 20, why: "it has not proved busy yet" },
    { everyMs: 10, invocations: 20 + 1_000, expected: 20 + 10, why: "once a second when busy" },
  ])(
    "adaptive: $invocations invocations every $everyMs ms flush $expected times, since $why",
    ({ everyMs, invocations, expected }) => {
      expect(flushes(everyMs, invocations)).toBe(expected);
    },
  );

  it("adaptive: an environment that is frozen between its invocations is not busy, though one clock stands still", () => {
    expect(flushes(60_000, 100, "setWall")).toBe(100);
  });

  it("adaptive: flushes at once when the wall clock went back", () => {
    expect(flushes(-2_000, 100, "setWall")).toBe(100);
  });
});
