import { describe, expect, it } from "vitest";
import {
  ALLOWED,
  faultsOf,
  growth,
  type SoakResult,
  type Usage,
} from "../../bench/soak-verdict.ts";

/** A minute of 40 requests a second, a sample every second. */
const SAMPLES = 60;
const usageOf = (change: (i: number) => Partial<Usage>): Usage[] =>
  Array.from({ length: SAMPLES }, (_, i) => ({
    answers: 40 * i,
    memoryBytes: 60e6,
    handles: 80,
    timers: 30,
    ...change(i),
  }));

const GOOD: SoakResult = {
  sent: { "GET /trades 200": 2_000, "POST /trades 202": 400 },
  counted: { "GET /trades 200": 2_000, "POST /trades 202": 400 },
  unanswered: 0,
  produced: 400,
  consumed: 400,
  usage: usageOf(() => ({})),
};

describe("a soak passes", () => {
  it.each<[what: string, change: Partial<SoakResult>]>([
    ["when all is exact and nothing grows", {}],
    ["when requests that got no answer are counted", { unanswered: 3, counted: over(3) }],
    ["when they are not", { unanswered: 3 }],
    [
      "while caches fill at first",
      { usage: usageOf((i) => ({ memoryBytes: 3e6 * Math.min(i, 19) })) },
    ],
    [
      "with sockets for as many as ask at once, now and then",
      { usage: usageOf((i) => ({ handles: i % 3 === 0 ? 400 : 80 })) },
    ],
    [
      "when the machine stands still for a third of the samples",
      { usage: usageOf((i) => (i > 40 ? { answers: 1_640, memoryBytes: 90e6 } : {})) },
    ],
    [
      "when memory goes up and down",
      { usage: usageOf((i) => ({ memoryBytes: 60e6 + 30e6 * Math.sin(i) })) },
    ],
  ])("%s", (_, change) => {
    expect(faultsOf({ ...GOOD, ...change })).toEqual([]);
  });
});

describe("a soak fails", () => {
  it.each<[what: string, change: Partial<SoakResult>, fault: RegExp]>([
    [
      "when an answer is not counted",
      { counted: over(-1) },
      /^GET \/trades 200: 2000 answers, 1999/,
    ],
    [
      "when more are counted than can be",
      { unanswered: 3, counted: over(4) },
      /^4 counted and never/,
    ],
    ["when a record is left", { consumed: 399 }, /^400 records produced, 399 consumed/],
    [
      "when 60 KB of each request are kept",
      { usage: usageOf((i) => ({ memoryBytes: 60e6 + 60e3 * 40 * i })) },
      /^memoryBytes: grew by 9\d{7},/,
    ],
    [
      "when each tenth request leaves a socket open",
      { usage: usageOf((i) => ({ handles: 80 + 4 * i })) },
      /^handles: grew by 156,/,
    ],
    [
      "when each request leaves a timer",
      { usage: usageOf((i) => ({ timers: 30 + 40 * i })) },
      /^timers: grew by 1560,/,
    ],
    ["when nobody looked", { usage: [] }, /^only 0 samples/],
  ])("%s", (_, change, fault) => {
    expect(faultsOf({ ...GOOD, ...change })).toEqual([expect.stringMatching(fault)]);
  });

  it("by a leak half as large when it is twice as long", () => {
    const leak = (samples: number, bytes: number) =>
      growth(usageOf(() => ({})).flatMap((one, i) => spread(one, i, samples / SAMPLES, bytes)));
    expect(leak(SAMPLES, 40e3).memoryBytes).toBeLessThan(ALLOWED.memoryBytes);
    expect(leak(2 * SAMPLES, 40e3).memoryBytes).toBeGreaterThan(ALLOWED.memoryBytes);
  });
});

/** Counts of the first route that are so much higher than its answers. */
function over(more: number): SoakResult["counted"] {
  return { ...GOOD.sent, "GET /trades 200": 2_000 + more };
}

/** `times` samples in the place of one, each 40 requests later, which keep `bytes` each. */
function spread(one: Usage, i: number, times: number, bytes: number): Usage[] {
  return Array.from({ length: times }, (_, j) => {
    const answers = 40 * (i * times + j);
    return { ...one, answers, memoryBytes: one.memoryBytes + answers * bytes };
  });
}
