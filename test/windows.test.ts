import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { windowsFault } from "../lib/windows.ts";

const faultOf = (variables: Readonly<Record<string, number>>) =>
  windowsFault(
    loadConfig(
      Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)])),
    ),
  );

const VARIABLES = [
  "METRICS_RETIRE_AFTER_SECONDS",
  "METRICS_LEASE_SECONDS",
  "METRICS_RESEND_SECONDS",
  "METRICS_PERSISTENCE_SECONDS",
  "METRICS_MARGIN_SECONDS",
];

describe("windowsFault", () => {
  it("takes the defaults", () => {
    expect(faultOf({})).toBeUndefined();
  });

  it("names every variable that takes part, and the numbers", () => {
    const fault = faultOf({ METRICS_LEASE_SECONDS: 1_800 });
    for (const name of VARIABLES) expect(fault).toContain(name);
    expect(fault).toMatch(/^METRICS_RETIRE_AFTER_SECONDS: expected .*more than 2370 s.*not 1800 s/);
  });

  it("wants the margin to cover the longest push", () => {
    const fault = faultOf({ METRICS_PUSH_TIMEOUT_MS: 60_000, METRICS_MARGIN_SECONDS: 59 });
    expect(fault).toMatch(/^METRICS_MARGIN_SECONDS: expected no less than METRICS_PUSH_TIMEOUT_MS/);
    expect(
      faultOf({ METRICS_PUSH_TIMEOUT_MS: 60_000, METRICS_MARGIN_SECONDS: 60 }),
    ).toBeUndefined();
  });

  it("takes a window exactly when it is longer than its parts together", () => {
    const seconds = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 1_000 }),
        fc.tuple(seconds, seconds, seconds, seconds),
        (retireAfter, parts) => {
          const values = [retireAfter, ...parts];
          const variables = Object.fromEntries(VARIABLES.map((name, i) => [name, values[i] ?? 0]));
          const isLonger = retireAfter > parts.reduce((all, part) => all + part, 0);
          expect(faultOf(variables) === undefined).toBe(isLonger);
        },
      ),
    );
  });
});
