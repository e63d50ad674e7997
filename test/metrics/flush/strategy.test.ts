import { describe, expect, it } from "vitest";
import { adaptive, everyInvocation } from "../../../lib/metrics/flush/strategy.ts";

/** How many of the invocations, one every `everyMs`, are flushed after. */
function flushes(everyMs: number, invocations: number, intervalMs: number): number {
  let nowMs = 1_000;
  const strategy = adaptive({ intervalMs, nowMs: () => nowMs });
  let due = 0;
  for (let i = 0; i < invocations; i += 1) {
    if (strategy.isDue()) due += 1;
    nowMs += everyMs;
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
      expect(flushes(everyMs, invocations, 1_000)).toBe(expected);
    },
  );
});
