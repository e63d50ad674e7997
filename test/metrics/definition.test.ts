import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isSameDefinition,
  labelKey,
  sampleNames,
  type MetricDefinition,
} from "../../lib/metrics/definition.ts";

const counter: MetricDefinition = { name: "orders_total", type: "counter", help: "Orders." };

describe("sampleNames", () => {
  it.each([
    { name: "x_total", type: "counter", expected: ["x_total"] },
    { name: "x", type: "gauge", expected: ["x"] },
    { name: "x", type: "histogram", expected: ["x", "x_bucket", "x_sum", "x_count"] },
  ] as const)("a $type has $expected", ({ name, type, expected }) => {
    expect(sampleNames({ name, type })).toEqual(expected);
  });
});

describe("labelKey", () => {
  it("is equal for equal label sets only, whatever the values hold", () => {
    const value = fc.string({ unit: fc.constantFrom("\u0000", "1", ":", " ", ",", "=", "a") });
    const labels = fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1 });
    const law = fc.property(labels, fc.array(value, { minLength: 6, maxLength: 6 }), (names, v) => {
      const definition = { ...counter, labels: names };
      const one = Object.fromEntries(names.map((name, i) => [name, v[i] ?? ""]));
      const other = Object.fromEntries(names.map((name, i) => [name, v[i + 3] ?? ""]));
      const areSame = names.every((name) => one[name] === other[name]);
      expect(labelKey(definition, one) === labelKey(definition, other)).toBe(areSame);
    });
    fc.assert(law, { numRuns: 2_000 });
  });

  it.each([
    [
      { a: "x\u0000y", b: "z" },
      { a: "x", b: "y\u0000z" },
    ],
    [
      { a: "1", b: "1 1" },
      { a: "11 1", b: "" },
    ],
    [
      { a: "1,b:2", b: "3" },
      { a: "1", b: "2,b:3" },
    ],
  ])("%o and %o are two", (one, other) => {
    const definition = { ...counter, labels: ["a", "b"] };
    expect(labelKey(definition, one)).not.toBe(labelKey(definition, other));
  });

  it("does not depend on the order in which a caller wrote the labels", () => {
    const definition = { ...counter, labels: ["a", "b"] };
    expect(labelKey(definition, { b: "2", a: "1" })).toBe(labelKey(definition, { a: "1", b: "2" }));
  });
});

describe("isSameDefinition", () => {
  const histogram: MetricDefinition = {
    name: "size_bytes",
    type: "histogram",
    help: "Sizes.",
    labels: ["a"],
    buckets: [1, 2],
  };
  const gauge: MetricDefinition = { name: "depth", type: "gauge", help: "Depth." };

  it.each([
    { a: counter, b: counter, isSame: true },
    { a: counter, b: { ...counter, help: "Other." }, isSame: true },
    { a: counter, b: { ...counter, zeros: [{}] }, isSame: true },
    { a: counter, b: { ...counter, labels: [] }, isSame: true },
    { a: gauge, b: { ...gauge, aggregation: "last" as const }, isSame: true },
    { a: gauge, b: { ...gauge, aggregation: "sum" as const }, isSame: false },
    { a: counter, b: { ...counter, labels: ["a"] }, isSame: false },
    { a: counter, b: { ...counter, name: "others_total" }, isSame: false },
    { a: gauge, b: { ...gauge, type: "counter" as const }, isSame: false },
    { a: histogram, b: { ...histogram, buckets: [1, 3] }, isSame: false },
    { a: histogram, b: { ...histogram, buckets: [1] }, isSame: false },
    { a: histogram, b: { ...histogram, labels: ["b"] }, isSame: false },
  ])("$a and $b: $isSame", ({ a, b, isSame }) => {
    expect(isSameDefinition(a, b)).toBe(isSame);
    expect(isSameDefinition(b, a)).toBe(isSame);
  });
});
