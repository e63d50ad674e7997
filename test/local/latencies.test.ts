import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countLatencies } from "../../local/latencies.ts";

describe("latencies", () => {
  it("of nothing are 0", () => {
    const latencies = countLatencies();
    expect([latencies.count, latencies.maxMs, latencies.quantileMs(0.5)]).toEqual([0, 0, 0]);
  });

  it("give every quantile within one per cent", () => {
    const milliseconds = fc.array(fc.double({ min: 0.01, max: 100_000, noNaN: true }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(milliseconds, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
        const latencies = countLatencies();
        for (const value of values) latencies.add(value);
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(share * values.length) - 1] ?? 0;
        expect(latencies.quantileMs(share) / exact).toBeCloseTo(1, 1);
        expect(latencies.maxMs).toBe(sorted.at(-1));
        expect(latencies.count).toBe(values.length);
      }),
    );
  });
});
