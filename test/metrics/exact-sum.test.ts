import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addSum,
  addValue,
  exactSum,
  fromStored,
  isZero,
  roundSum,
  toStored,
  type ExactSum,
} from "../../lib/metrics/exact-sum.ts";
import { exactTotal, toUnits } from "../support/exact-doubles.ts";

const unitsOf = (sum: ExactSum) => toStored(sum).reduce((all, part) => all + toUnits(part), 0n);
const sumOf = (values: readonly number[]) => {
  const sum = exactSum();
  for (const value of values) addValue(sum, value);
  return sum;
};

const amount = fc.oneof(
  fc.nat(),
  fc.double({ min: 0, max: 1e300, noNaN: true }),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0.1, 0.2, 0.3, 1e-320, 2 ** 53, 2 ** 53 - 1, 1e16, 5e-324),
);

describe("exactSum", () => {
  it.each([
    { values: [], expected: 0 },
    { values: [0.1, 0.2, 0.3], expected: 0.6 },
    { values: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], expected: 1 },
    { values: [1e16, 1, 1e-16], expected: 10000000000000002 },
    { values: [2 ** 53, 1, 1], expected: 2 ** 53 + 2 },
    { values: [2 ** 53 - 1, 1], expected: 2 ** 53 },
    { values: [2 ** 53, 1], expected: 2 ** 53 },
    { values: [2 ** 53, 1, 5e-324], expected: 2 ** 53 + 2 },
    { values: [5e-324, 5e-324], expected: 1e-323 },
    { values: [Number.MAX_VALUE, Number.MAX_VALUE, 1, 0.5], expected: Number.MAX_VALUE },
    { values: [Number.MAX_VALUE, 2 ** 970], expected: Number.MAX_VALUE },
    { values: [1, Infinity, 0.5], expected: Number.MAX_VALUE },
    { values: [-Number.MAX_VALUE, -Number.MAX_VALUE], expected: -Number.MAX_VALUE },
    { values: [1, Number.NaN, 0.5], expected: 1.5 },
  ])("$values add up to $expected, rounded once", ({ values, expected }) => {
    expect(roundSum(sumOf(values))).toBe(expected);
  });

  it("keeps every bit of what was added", () => {
    fc.assert(
      fc.property(fc.array(amount, { maxLength: 60 }), (values) => {
        const expected = values.reduce((all, value) => all + toUnits(value), 0n);
        expect(unitsOf(sumOf(values))).toBe(expected);
      }),
    );
  });

  it("rounds to the nearest double, ties to even", () => {
    fc.assert(
      fc.property(fc.array(amount, { maxLength: 30 }), (values) => {
        const sum = sumOf(values);
        const rounded = roundSum(sum);
        const distance = (other: number) => {
          const difference = toUnits(other) - unitsOf(sum);
          return difference < 0n ? -difference : difference;
        };
        for (const neighbour of neighbours(rounded)) {
          expect(distance(rounded) <= distance(neighbour)).toBe(true);
        }
      }),
    );
  });

  it("is the same in any order and in any grouping", () => {
    fc.assert(
      fc.property(
        fc.array(amount, { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        (values, random) => {
          const expected = roundSum(sumOf(values));
          const shuffled = values
            .map((value) => ({ value, rank: random.next().value }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ value }) => value);
          const cut = shuffled.length >> 1;
          const grouped = sumOf(shuffled.slice(0, cut));
          addSum(grouped, sumOf(shuffled.slice(cut)));
          expect(roundSum(grouped)).toBe(expected);
        },
      ),
    );
  });

  it("never falls when something is added", () => {
    fc.assert(
      fc.property(fc.array(amount, { maxLength: 40 }), (values) => {
        const sum = exactSum();
        let last = 0;
        for (const value of values) {
          addValue(sum, value);
          const now = roundSum(sum);
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
      }),
    );
  });

  it("comes back exactly from what is stored, through JSON too", () => {
    fc.assert(
      fc.property(fc.array(amount, { maxLength: 20 }), (values) => {
        const sum = sumOf(values);
        const stored = JSON.parse(JSON.stringify(toStored(sum))) as number[];
        expect(unitsOf(fromStored(stored))).toBe(unitsOf(sum));
      }),
    );
  });

  it("stands still at the largest double: in any order, and stored on the way", () => {
    const huge = fc.oneof(amount, fc.double({ min: 1e307, noNaN: true }));
    fc.assert(
      fc.property(fc.array(huge, { maxLength: 20 }), fc.nat(20), (values, cut) => {
        const sum = sumOf(values.slice(0, cut));
        const stored = JSON.parse(JSON.stringify(toStored(sum))) as number[];
        const resumed = fromStored(stored);
        expect(roundSum(resumed)).toBe(roundSum(sum));
        for (const value of values.slice(cut).toReversed()) addValue(resumed, value);
        expect(roundSum(resumed)).toBe(roundSum(sumOf(values)));
        expect(roundSum(resumed)).toBeGreaterThanOrEqual(roundSum(sum));
        expect(roundSum(resumed)).toBeLessThanOrEqual(Number.MAX_VALUE);
      }),
    );
  });

  it("is zero only when nothing but zeros was added", () => {
    expect(isZero(sumOf([0, 0]))).toBe(true);
    expect(isZero(sumOf([0, 5e-324]))).toBe(false);
  });
});

function neighbours(value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  const near = [1n, -1n].map((step) => {
    view.setFloat64(0, value);
    const bits = view.getBigUint64(0) + step;
    if (bits < 0n) return value;
    view.setBigUint64(0, bits);
    return view.getFloat64(0);
  });
  return near.filter((other) => Number.isFinite(other));
}

it("counts units of 2^-1074 in this test as a double does", () => {
  expect(toUnits(1)).toBe(1n << 1074n);
  expect(exactTotal([0.1, 0.2, 0.3])).toBe(0.6);
  expect(exactTotal([2 ** 53, 1, 5e-324])).toBe(2 ** 53 + 2);
  expect(exactTotal([5e-324, 5e-324])).toBe(1e-323);
});
