import { describe, expect, it } from "vitest";
import { numberOption, parseOptions, UsageError } from "../../local/options.ts";

const options = { rate: { type: "string" }, help: { type: "boolean" } } as const;

describe("options", () => {
  it.each([
    ["an unknown one", ["--foo"], "Unknown option '--foo'"],
    ["a word that belongs to none", ["foo"], "Unexpected argument 'foo'"],
    ["one without its value", ["--rate"], "Option '--rate <value>' argument missing"],
  ])("%s is refused in one sentence", (_fact, args, message) => {
    expect(() => parseOptions({ args, options })).toThrow(UsageError);
    expect(() => parseOptions({ args, options })).toThrow(new RegExp(`^${message}$`));
  });

  it.each([
    [undefined, 20],
    ["1", 1],
    ["0.5", 0.5],
    ["1e2", 100],
  ])("a number given as %j is %d", (text, value) => {
    expect(numberOption("rate", text, { min: 0.1, max: 100, fallback: 20 })).toBe(value);
  });

  it.each(["", " ", "0", "-1", "101", "NaN", "Infinity", "fast"])(
    "a number given as %j is refused with its range",
    (text) => {
      expect(() => numberOption("rate", text, { min: 0.1, max: 100, fallback: 20 })).toThrow(
        new UsageError(`--rate: expected a number from 0.1 to 100, got "${text}"`),
      );
    },
  );
});
