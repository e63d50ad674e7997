import { describe, expect, it } from "vitest";
import { makePlan, type Action } from "./plan.ts";

const FULL = { seed: "plan", environments: 50, invocations: 20_000, perSecond: 100 };
const SMALL = { ...FULL, invocations: 300 };

/** What is done to which Pushgateway of two, without doubles. */
function deedsTo(actions: readonly { readonly action: Action }[]): string[] {
  const deeds = actions.flatMap(({ action }) => {
    if (!("turn" in action)) return [];
    const what = action.type === "restart-pushgateway" ? action.signal : action.type;
    return [`${what} ${action.turn % 2}`];
  });
  return [...new Set(deeds)].sort();
}

describe("the plan of a chaos run", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(makePlan(FULL)).toEqual(makePlan(FULL));
    expect(makePlan(FULL)).not.toEqual(makePlan({ ...FULL, seed: "another" }));
  });

  it.each([
    ["large", FULL],
    ["small", SMALL],
  ])("has every fault, and each Pushgateway's turn at each, in a %s run", (_, options) => {
    const { actions } = makePlan(options);
    expect(new Set(actions.map(({ action }) => action.type))).toEqual(
      new Set([
        "kill",
        "shut-down",
        "freeze",
        "refuse-connections",
        "restart-pushgateway",
        "kill-retirer",
      ]),
    );
    expect(deedsTo(actions)).toEqual([
      "SIGKILL 0",
      "SIGKILL 1",
      "SIGTERM 0",
      "SIGTERM 1",
      "refuse-connections 0",
      "refuse-connections 1",
    ]);
  });

  it("has invocations of every fate, each with a number of its own, at the rate that was asked", () => {
    const { invocations } = makePlan(FULL);
    const fates = new Set(invocations.map(({ work }) => work.fate));
    expect(fates).toEqual(new Set(["answers", "throws", "hangs", "dies"]));
    expect(new Set(invocations.map(({ work }) => work.number)).size).toBe(20_000);
    const seconds = (invocations.at(-1)?.atMs ?? 0) / 1_000;
    expect(seconds).toBeGreaterThan(190);
    expect(seconds).toBeLessThan(210);
  });
});
