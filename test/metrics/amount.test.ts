import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addAmount,
  cumulativeCounts,
  observeValue,
  zeroAmount,
  type Amount,
} from "../../lib/metrics/amount.ts";
import type { MetricDefinition } from "../../lib/metrics/definition.ts";
import { roundSum } from "../../lib/metrics/exact-sum.ts";

const counter: MetricDefinition = { name: "x_total", type: "counter", help: "x." };
const histogram: MetricDefinition = {
  name: "x",
  type: "histogram",
  help: "x.",
  buckets: [0, 1, 2.5, 10],
};

function amountOf(definition: MetricDefinition, values: readonly number[]): Amount {
  const amount = zeroAmount(definition);
  for (const value of values) observeValue(definition, amount, value);
  return amount;
}

/** Exact in any order, so that a plain sum is a fair reference. */
const dyadic = fc.integer({ min: 0, max: 2 ** 20 }).map((n) => n / 64);
const bound = fc.oneof(dyadic, fc.constantFrom(0, 1, 2.5, 10, 10.000000000000002));

describe("a counter's amount", () => {
  it("is the sum of its increments, and no buckets", () => {
    const amount = amountOf(counter, [0.1, 0.2, 0.3]);
    expect([roundSum(amount.sum), cumulativeCounts(amount)]).toEqual([0.6, []]);
  });
});

describe("a histogram's amount", () => {
  it.each([
    [0, [1, 1, 1, 1, 1]],
    [1, [0, 1, 1, 1, 1]],
    [1.0000000000000002, [0, 0, 1, 1, 1]],
    [10, [0, 0, 0, 1, 1]],
    [11, [0, 0, 0, 0, 1]],
  ])("counts %d in the buckets whose bound is not below it", (value, expected) => {
    expect(cumulativeCounts(amountOf(histogram, [value]))).toEqual(expected);
  });

  it("has one bucket, of everything, when the family has no bounds", () => {
    expect(cumulativeCounts(amountOf({ ...histogram, buckets: [] }, [1, 2]))).toEqual([2]);
  });

  it("counts as filtering the values does", () => {
    const law = fc.property(fc.array(bound), (values) => {
      const { sum, ...amount } = amountOf(histogram, values);
      const expected = [...(histogram.buckets ?? []), Infinity].map(
        (le) => values.filter((value) => value <= le).length,
      );
      expect(cumulativeCounts({ sum, ...amount })).toEqual(expected);
    });
    fc.assert(law);
  });
});

describe("addAmount", () => {
  it.each([counter, histogram])("gives what all values together give: $type", (definition) => {
    const law = fc.property(fc.array(dyadic), fc.array(dyadic), (some, others) => {
      const into = amountOf(definition, some);
      const from = amountOf(definition, others);
      addAmount(into, from);
      expect(into).toEqual(amountOf(definition, [...some, ...others]));
      expect(from).toEqual(amountOf(definition, others));
    });
    fc.assert(law);
  });
});
