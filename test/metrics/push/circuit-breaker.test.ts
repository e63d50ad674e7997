import { describe, expect, it } from "vitest";
import { createCircuitBreaker } from "../../../lib/metrics/push/circuit-breaker.ts";
import { createTestClock } from "../../support/clock.ts";

function open(random = 1) {
  const clock = createTestClock();
  const breaker = createCircuitBreaker({ clock: clock.now, random: () => random });
  const fail = (times: number) => {
    for (let i = 0; i < times; i += 1) breaker.failed();
  };
  /** How long until it tries again, in steps of a millisecond. */
  const pauseMs = () => {
    let ms = 0;
    while (!breaker.isClosed()) {
      clock.pass(1);
      ms += 1;
    }
    return ms;
  };
  return { clock, breaker, fail, pauseMs };
}

describe("the circuit breaker", () => {
  it.each([0, 1, 2])("tries at once after %d failures", (failures) => {
    const { breaker, fail } = open();
    fail(failures);
    expect(breaker.isClosed()).toBe(true);
  });

  it.each([
    [3, 500],
    [4, 1_000],
    [5, 2_000],
    [8, 16_000],
    [9, 30_000],
    [2_000, 30_000],
  ])("after %d failures in a row pauses for %d ms", (failures, expected) => {
    const { fail, pauseMs } = open();
    fail(failures);
    expect(pauseMs()).toBe(expected);
  });

  it.each([
    [0, 250],
    [0.5, 375],
    [1, 500],
  ])("spreads the pauses of many: at random %d it is %d ms", (random, expected) => {
    const { fail, pauseMs } = open(random);
    fail(3);
    expect(pauseMs()).toBe(expected);
  });

  it("stays open to trying once the pause is over, until something fails again", () => {
    const { breaker, clock, fail } = open();
    fail(3);
    clock.pass(500);
    expect([breaker.isClosed(), breaker.isClosed()]).toEqual([true, true]);
    fail(1);
    expect(breaker.isClosed()).toBe(false);
  });

  it("forgets its failures at the first success", () => {
    const { breaker, fail } = open();
    fail(9);
    breaker.succeeded();
    expect(breaker.isClosed()).toBe(true);
    fail(2);
    expect(breaker.isClosed()).toBe(true);
  });

  it("does not wait for a wall clock that was set back", () => {
    const { breaker, clock, fail } = open();
    fail(9);
    clock.setWall(-3_600_000);
    expect(breaker.isClosed()).toBe(true);
  });
});
