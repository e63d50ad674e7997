import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatGoCount,
  formatGoNumber,
  parseGoNumber,
} from "../../../local/pushgateway/go-number.ts";

describe("formatGoNumber", () => {
  // Printed by Go 1.26's fmt.Println.
  it.each([
    [100_000, "100000"],
    [1_000_000, "1e+06"],
    [123_456, "123456"],
    [1_234_567, "1.234567e+06"],
    [12_345_678, "1.2345678e+07"],
    [1e20, "1e+20"],
    [1e21, "1e+21"],
    [123_456_789_012_345_680_000, "1.2345678901234568e+20"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [0.000012345, "1.2345e-05"],
    [100_000.5, "100000.5"],
    [1_000_000.5, "1.0000005e+06"],
    [999_999, "999999"],
    [5e-324, "5e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
    [Number.NaN, "NaN"],
    [0, "0"],
    [-0, "-0"],
    [-1.5e-7, "-1.5e-07"],
  ])("writes %d as %s", (value, text) => {
    expect(formatGoNumber(value)).toBe(text);
  });

  it("writes what reads back as the same double", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(parseGoNumber(formatGoNumber(value))).toBe(value);
      }),
    );
  });
});

describe("formatGoCount", () => {
  it.each([
    [0, "0"],
    [1_000_000, "1000000"],
    [2 ** 63, "9223372036854775808"],
    [2 ** 64, "1.8446744073709552e+19"],
    [1_000_000.5, "1.0000005e+06"],
  ])("writes %d as %s", (value, text) => {
    expect(formatGoCount(value)).toBe(text);
  });
});
