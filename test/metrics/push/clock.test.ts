import { describe, expect, it } from "vitest";
import { elapsedMs, systemClock } from "../../../lib/metrics/push/clock.ts";

describe("elapsedMs", () => {
  const since = { wallMs: 1_000_000, monotonicMs: 500 };

  it.each([
    { what: "nothing passed", wall: 0, monotonic: 0, expected: 0 },
    { what: "both clocks agree", wall: 70, monotonic: 70, expected: 70 },
    { what: "the process was frozen", wall: 9_000, monotonic: 3, expected: 9_000 },
    { what: "the wall clock stood still", wall: 0, monotonic: 80, expected: 80 },
    { what: "the wall clock was slewed back", wall: -1_000, monotonic: 30, expected: 30 },
    { what: "the wall clock was set back", wall: -1_001, monotonic: 30, expected: Infinity },
    { what: "the monotonic clock seems to go back", wall: 0, monotonic: -5, expected: 0 },
  ])("is $expected when $what", ({ wall, monotonic, expected }) => {
    const now = { wallMs: since.wallMs + wall, monotonicMs: since.monotonicMs + monotonic };
    expect(elapsedMs(since, now)).toBe(expected);
  });

  it("of the system's own clock is finite and does not go back", () => {
    const start = systemClock();
    const first = elapsedMs(start, systemClock());
    const second = elapsedMs(start, systemClock());
    expect(first).toBeGreaterThanOrEqual(0);
    expect(second).toBeGreaterThanOrEqual(first);
    expect(second).toBeLessThan(60_000);
  });
});
