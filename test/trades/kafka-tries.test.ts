import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Tries, watchTries } from "../../lib/trades/kafka-tries.ts";

const failure = (code: string) => Object.assign(new Error(code), { code });
const network = (cause: Error) =>
  Object.assign(new Error("failed", { cause }), { code: "PLT_KFK_NETWORK" });

const refused = network(failure("ECONNREFUSED"));
const reset = network(failure("ECONNRESET"));
const denied = network(failure("PLT_KFK_AUTHENTICATION"));
const tooFewReplicas = { apiId: "NOT_ENOUGH_REPLICAS" };
const afterAppend = { apiId: "NOT_ENOUGH_REPLICAS_AFTER_APPEND" };

type Step = readonly [operation: string, failure: unknown];

/** One try after the other, of which each fails but the last, which is under way. */
function tryAll(steps: readonly Step[]): Tries {
  const tries = watchTries();
  for (const [i, [operation, cause]] of steps.entries()) {
    tries.begun(operation);
    tries.failed(operation, i + 1, cause);
  }
  return tries;
}

const times = (count: number, step: Step): Step[] => Array.from({ length: count }, () => step);

/** What `hopeless` rejects with; undefined while there is hope. */
const givenUp = (tries: Tries) =>
  Promise.race([tries.hopeless.catch((cause: unknown) => cause), nextTurn()]);

describe("tries of a send", () => {
  it.each<[fact: string, steps: Step[], isInDoubt: boolean]>([
    ["were never of a record", times(3, ["metadata", reset]), false],
    ["found nobody to take a connection", times(3, ["produce", refused]), false],
    ["were refused by the broker", times(3, ["produce", tooFewReplicas]), false],
    [
      "broke off, whatever came after",
      [["produce", reset], ...times(3, ["produce", refused])],
      true,
    ],
    ["were appended by too few replicas", [["produce", afterAppend]], true],
  ])("are in doubt where they may have arrived: that %s", (_fact, steps, isInDoubt) => {
    expect(tryAll(steps).areInDoubt()).toBe(isInDoubt);
  });

  it("are in doubt while one is under way, and not when all were acknowledged", () => {
    const tries = watchTries();
    tries.begun("produce");
    expect(tries.areInDoubt()).toBe(true);
    tries.acknowledged();
    expect(tries.areInDoubt()).toBe(false);
  });

  it.each<[fact: string, steps: Step[], cause: unknown]>([
    ["at once with credentials that are refused", [["metadata", denied]], denied],
    ["after ten that certainly did not arrive", times(10, ["produce", refused]), refused],
    ["not before", times(9, ["produce", refused]), undefined],
    [
      "never where one may have arrived",
      [["produce", reset], ...times(99, ["produce", refused])],
      undefined,
    ],
  ])("are given up %s", async (_fact, steps, cause) => {
    expect(await givenUp(tryAll(steps))).toBe(cause);
  });

  it("say what the last of them failed of", () => {
    expect(watchTries().lastFailure()).toBeUndefined();
    expect(
      tryAll([
        ["metadata", refused],
        ["produce", reset],
      ]).lastFailure(),
    ).toBe(reset);
  });
});
