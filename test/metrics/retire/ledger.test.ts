import { describe, expect, it } from "vitest";
import type { Group } from "../../../lib/metrics/family.ts";
import {
  furthestFirst,
  DEFAULT_WINDOWS,
  isLive,
  lastPushSeconds,
  refuseWindows,
  type Base,
  type PushgatewayState,
} from "../../../lib/metrics/retire/ledger.ts";

describe("refuseWindows", () => {
  it("takes the defaults", () => {
    expect(refuseWindows(DEFAULT_WINDOWS)).toBeUndefined();
  });

  it.each([
    { retireAfterSeconds: 1_770 },
    { leaseSeconds: 1_800 },
    { resendSeconds: 600 },
    { persistenceSeconds: 600 },
    { marginSeconds: 600 },
    {
      retireAfterSeconds: 9,
      leaseSeconds: 1,
      resendSeconds: 1,
      persistenceSeconds: 0,
      marginSeconds: 1,
    },
  ])("refuses %o, which could retire a live environment", (change) => {
    expect(refuseWindows({ ...DEFAULT_WINDOWS, ...change })).toMatch(/^at least 10 s and more/);
  });
});

describe("furthestFirst", () => {
  const state = (url: string, horizonSeconds: number): PushgatewayState => ({
    url,
    horizonSeconds,
    offsetSeconds: 0,
    heldUntilSeconds: 0,
    tombstones: {},
  });

  it("names each URL of base and configuration once, the furthest horizon first", () => {
    const pushgateways = [state("http://a", 5), state("http://b", 9), state("http://c", 7)];
    const base: Base = { version: 1, totals: [], pushgateways };
    expect(furthestFirst(base, ["http://new", "http://a"])).toEqual([
      "http://b",
      "http://c",
      "http://a",
      "http://new",
    ]);
  });
});

describe("isLive", () => {
  const state: PushgatewayState = {
    url: "http://a",
    horizonSeconds: 100,
    offsetSeconds: 0,
    heldUntilSeconds: 0,
    tombstones: { folded: 150 },
  };
  const base: Base = { version: 1, totals: [], pushgateways: [state] };
  const group = (instance: string, pushedAtSeconds: number, refusedAtSeconds = 0): Group => ({
    key: { job: "s", instance },
    pushedAtSeconds,
    refusedAtSeconds,
    families: [],
  });

  it.each([
    { what: "pushed after the horizon", group: group("new", 101), expected: true },
    { what: "pushed at the horizon", group: group("old", 100), expected: false },
    { what: "folded, whenever pushed", group: group("folded", 200), expected: false },
    { what: "only ever refused, after the horizon", group: group("new", 0, 101), expected: true },
    {
      what: "named like a property of every object",
      group: group("toString", 101),
      expected: true,
    },
  ])("a group $what: $expected", ({ group: one, expected }) => {
    expect(isLive(one, state, base)).toBe(expected);
  });

  it("every group of a Pushgateway that the ledger does not know is live", () => {
    expect(isLive(group("any", 1), undefined, base)).toBe(true);
  });

  it("no group is live that was folded under another URL", () => {
    expect(isLive(group("folded", 200), undefined, base)).toBe(false);
  });

  it("takes a refused push for the last one only when none arrived", () => {
    expect(lastPushSeconds(group("any", 5, 9))).toBe(5);
    expect(lastPushSeconds(group("any", 0, 9))).toBe(9);
  });
});
