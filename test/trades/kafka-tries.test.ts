import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type RequestTries, type Tries, watchTries } from "../../lib/trades/kafka-tries.ts";

const failure = (code: string) => Object.assign(new Error(code), { code });
const network = (cause: Error) =>
  Object.assign(new Error("failed", { cause }), { code: "PLT_KFK_NETWORK" });

const refused = network(failure("ECONNREFUSED"));
const reset = network(failure("ECONNRESET"));
const denied = network(failure("PLT_KFK_AUTHENTICATION"));
const tooFewReplicas = { apiId: "NOT_ENOUGH_REPLICAS" };
const tooLarge = { apiId: "MESSAGE_TOO_LARGE" };
const afterAppend = { apiId: "NOT_ENOUGH_REPLICAS_AFTER_APPEND" };

type Step = readonly [operation: string, failure: unknown];

/** One try after the other, each of which fails. */
function fail(request: RequestTries, steps: readonly Step[]): void {
  for (const [i, [operation, cause]] of steps.entries()) {
    request.begun(operation);
    request.failed(operation, i + 1, cause);
  }
}

function tryAll(steps: readonly Step[]): Tries {
  const tries = watchTries();
  fail(tries.request(), steps);
  return tries;
}

function succeed(request: RequestTries): void {
  request.begun("produce");
  request.acknowledged();
}

const times = (count: number, step: Step): Step[] => Array.from({ length: count }, () => step);

/** What `hopeless` rejects with; undefined while there is hope. */
const givenUp = (tries: Tries) =>
  Promise.race([tries.hopeless.catch((cause: unknown) => cause), nextTurn()]);

const isInDoubt = (tries: RequestTries | Tries) =>
  "isInDoubt" in tries ? tries.isInDoubt() : tries.areInDoubt();

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
    [
      "broke off with what is too large",
      [
        ["produce", reset],
        ["produce", tooLarge],
      ],
      false,
    ],
  ])("are in doubt where they may have arrived: that %s", (_fact, steps, isInDoubt) => {
    expect(tryAll(steps).areInDoubt()).toBe(isInDoubt);
  });

  it("are in doubt while one is under way, and not when it was acknowledged", () => {
    const tries = watchTries();
    const request = tries.request();
    request.begun("produce");
    expect(tries.areInDoubt()).toBe(true);
    request.acknowledged();
    expect(tries.areInDoubt()).toBe(false);
  });

  it("are not in doubt when one was acknowledged, however many broke off before", () => {
    const tries = watchTries();
    const request = tries.request();
    fail(request, times(3, ["produce", reset]));
    expect(tries.areInDoubt()).toBe(true);
    succeed(request);
    expect(tries.areInDoubt()).toBe(false);
  });

  it("are in doubt for each partition by itself", () => {
    const tries = watchTries();
    const [lost, refusing] = [tries.request(), tries.request()];
    fail(lost, [["produce", reset]]);
    fail(refusing, [["produce", tooLarge]]);
    expect([lost, refusing, tries].map(isInDoubt)).toEqual([true, false, true]);
    succeed(lost);
    expect([lost, refusing, tries].map(isInDoubt)).toEqual([false, false, false]);
  });

  it("are given up for a partition without hope as soon as no other is in doubt", async () => {
    const tries = watchTries();
    const [lost, refusing] = [tries.request(), tries.request()];
    fail(lost, [["produce", reset]]);
    fail(refusing, times(99, ["produce", refused]));
    expect(await givenUp(tries)).toBeUndefined();
    succeed(lost);
    refusing.begun("produce");
    refusing.failed("produce", 100, refused);
    expect(await givenUp(tries)).toBe(refused);
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
