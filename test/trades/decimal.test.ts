import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  averagePrice,
  canonicalDecimal,
  DECIMAL_PATTERN,
  isPositive,
} from "../../lib/trades/decimal.ts";

/** Whole hundred-millionths as a decimal with scale 8. */
function fromUnits(units: bigint): string {
  const digits = String(units).padStart(9, "0");
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

const units = fc.bigInt({ min: 1n, max: 10n ** 18n - 1n });

it.each(["1", "0.1", "9999999999.99999999", "0000000001.5", "0"])("%s is a decimal", (text) => {
  expect(DECIMAL_PATTERN.test(text)).toBe(true);
});

it.each([
  "",
  ".5",
  "1.",
  "-1",
  "+1",
  "1e3",
  "1.123456789",
  "12345678901",
  "1,5",
  " 1",
  "0x1",
  "NaN",
])("%j is not a decimal", (text) => {
  expect(DECIMAL_PATTERN.test(text)).toBe(false);
});

it.each([
  ["0", false],
  ["0000.00000000", false],
  ["0.00000001", true],
  ["10", true],
])("%s is more than zero: %s", (text, expected) => {
  expect(isPositive(text)).toBe(expected);
});

describe("canonicalDecimal", () => {
  it.each([
    ["1", "1.00000000"],
    ["1.5", "1.50000000"],
    ["007.10", "7.10000000"],
    ["0", "0.00000000"],
    ["0.00000001", "0.00000001"],
    ["9999999999.99999999", "9999999999.99999999"],
    ["123456789012345678901234567890.5", "123456789012345678901234567890.50000000"],
  ])("writes %s as %s", (text, canonical) => {
    expect(canonicalDecimal(text)).toBe(canonical);
  });

  it("leaves what is canonical", () => {
    fc.assert(
      fc.property(units.map(fromUnits), (decimal) => {
        expect(canonicalDecimal(decimal)).toBe(decimal);
      }),
    );
  });
});

describe("averagePrice", () => {
  it.each([
    ["a quotient that ends", "10", "4", "2.50000000"],
    ["one that does not", "1", "3", "0.33333333"],
    ["a half, down to even", "0.000000005", "1", "0.00000000"],
    ["a half, up to even", "0.000000015", "1", "0.00000002"],
    ["a little over a half", "0.00000000500000000001", "1", "0.00000001"],
    ["a little under a half", "0.00000001499999999999", "1", "0.00000001"],
    [
      "what only looks like a half after 24 digits",
      "0.015000000000000000000000000001",
      "1000000",
      "0.00000002",
    ],
  ])("rounds %s once", (_, notional, volume, expected) => {
    expect(averagePrice({ notional, volume })).toBe(expected);
  });

  it("is the nearest multiple of 10^-8, even when there are two", () => {
    fc.assert(
      fc.property(units, units, (notional, volume) => {
        const scaled = notional * 10n ** 8n;
        const down = scaled / volume;
        const rest = 2n * (scaled % volume);
        const up = rest > volume || (rest === volume && down % 2n === 1n);
        expect(averagePrice({ notional: String(notional), volume: String(volume) })).toBe(
          fromUnits(up ? down + 1n : down),
        );
      }),
    );
  });
});
