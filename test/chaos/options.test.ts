import { describe, expect, it } from "vitest";
import { HELP, parseChaosOptions } from "./options.ts";
import { WAYS } from "./run-way.ts";

describe("the command line of a chaos run", () => {
  it("asks for fifty environments and twenty thousand invocations where nothing is said", () => {
    expect(parseChaosOptions([])).toMatchObject({
      environments: 50,
      invocations: 20_000,
      perSecond: 100,
      pushgateways: 2,
      ways: ["exact", "push", "pushAdd"],
    });
  });

  it("takes every option", () => {
    const text =
      "--environments 3 --invocations 200 --rate 0.5e1 --pushgateways 1 --ways instance,exact,exact --seed x";
    expect(parseChaosOptions(text.split(" "))).toEqual({
      environments: 3,
      invocations: 200,
      perSecond: 5,
      pushgateways: 1,
      ways: ["instance", "exact"],
      seed: "x",
    });
  });

  it.each([
    ["--environments", "0"],
    ["--environments", "2.5"],
    ["--invocations", "many"],
    ["--invocations", "99"],
    ["--rate", ""],
    ["--pushgateways", "10"],
    ["--ways", "exact,pull"],
    ["--ways", ""],
  ])("names the option that is wrong: %s %s", (option, value) => {
    const naming = new RegExp(`^${option}: expected .* got "`);
    expect(() => parseChaosOptions([option, value])).toThrow(naming);
  });

  it("names an option that it does not know", () => {
    expect(() => parseChaosOptions(["--size", "5"])).toThrow(/'--size'/);
  });

  it("has help that knows every way", () => {
    expect(parseChaosOptions(["--help"])).toBeUndefined();
    for (const way of Object.keys(WAYS)) expect(HELP).toMatch(new RegExp(`^ +${way} `, "m"));
  });
});
