import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metricsConfig } from "../../lib/config/metrics-config.ts";
import { readConfig, readConfigOrDefaults } from "../../lib/config/read-config.ts";
import { openPushClient } from "../../lib/metrics/push/push-client.ts";
import { DEFAULT_WINDOWS } from "../../lib/metrics/retire/ledger.ts";

const read = (variables: Readonly<Record<string, string>>) =>
  readConfig({ metrics: metricsConfig }, variables).metrics;

const faultOf = (variables: Readonly<Record<string, string | number>>) =>
  readConfigOrDefaults(
    { metrics: metricsConfig },
    Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)])),
  ).fault?.detail;

const WINDOWS = [
  "METRICS_RETIRE_AFTER_SECONDS",
  "METRICS_LEASE_SECONDS",
  "METRICS_RESEND_SECONDS",
  "METRICS_PERSISTENCE_SECONDS",
  "METRICS_MARGIN_SECONDS",
];

describe("the configuration of metrics", () => {
  it("pushes to the Pushgateway of this machine unless told otherwise", () => {
    expect(read({})).toMatchObject({
      pushgateways: ["http://127.0.0.1:9091"],
      isDisabled: false,
      isStrict: false,
      strategy: "every",
      windows: DEFAULT_WINDOWS,
    });
  });

  it("reads a list of Pushgateways, and flags", () => {
    expect(
      read({
        PUSHGATEWAY_URL: "http://one:9091, https://two",
        METRICS_STRICT: "true",
        METRICS_DISABLED: "true",
      }),
    ).toMatchObject({
      pushgateways: ["http://one:9091", "https://two"],
      isStrict: true,
      isDisabled: true,
    });
  });

  it.each([
    ["PUSHGATEWAY_URL", "ftp://x"],
    ["PUSHGATEWAY_URL", ","],
    ["PUSHGATEWAY_URL", "http://one/?a=b"],
    ["PUSHGATEWAY_URL", "http://%ff@one"],
    ["PUSHGATEWAY_URL", "http://%E2%82:%AC@one"],
    ["PUSHGATEWAY_TOKEN", "two words"],
    ["METRICS_DISABLED", "yes"],
    ["METRICS_PUSH_TIMEOUT_MS", "1e3"],
    ["METRICS_MAX_LABEL_SETS", "0"],
    ["METRICS_STRICT", "yes"],
    ["METRICS_STRATEGY", "often"],
    ["METRICS_FLUSH_INTERVAL_MS", "99"],
  ])("refuses %s=%s", (name, value) => {
    expect(faultOf({ [name]: value })).toMatch(new RegExp(`^${name}(?:\\.0)?: expected \\S`));
  });

  it.each<Record<string, string>>([
    { PUSHGATEWAY_TOKEN: "t", PUSHGATEWAY_USERNAME: "u" },
    { PUSHGATEWAY_TOKEN: "t", PUSHGATEWAY_PASSWORD: "p" },
    { PUSHGATEWAY_TOKEN: "t", PUSHGATEWAY_URL: "http://one,http://u:p@two" },
  ])("refuses a token beside a user: %j", (variables) => {
    expect(faultOf(variables)).toMatch(/^PUSHGATEWAY_TOKEN: expected a token or a user/);
  });

  it("refuses credentials in a list of several, which the ledger could not keep", () => {
    expect(faultOf({ PUSHGATEWAY_URL: "http://u:p@one,http://two" })).toMatch(
      /^PUSHGATEWAY_URL: expected no credentials in a list of several/,
    );
    expect(faultOf({ PUSHGATEWAY_URL: "http://u:p@one" })).toBeUndefined();
  });

  it("takes nothing that a push client refuses", () => {
    const text = fc.constantFrom("", "t", "ü", "a b", "%ff", "p@:/");
    const host = fc.constantFrom("one", "u:p@one", "%ff@one", "one/?", "one#x", "one:x", "");
    fc.assert(
      fc.property(text, text, text, host, (username, password, token, place) => {
        const variables = {
          PUSHGATEWAY_URL: `http://${place}`,
          PUSHGATEWAY_USERNAME: username,
          PUSHGATEWAY_PASSWORD: password,
          PUSHGATEWAY_TOKEN: token,
        };
        if (faultOf(variables) !== undefined) return;
        const { pushgateways, ...rest } = read(variables);
        for (const url of pushgateways) openPushClient({ ...rest, url }).close();
      }),
      { numRuns: 500 },
    );
  });
});

describe("the times of the protocol", () => {
  it("are told by every variable that takes part, and in numbers", () => {
    const fault = faultOf({ METRICS_LEASE_SECONDS: 1_800 });
    for (const name of WINDOWS) expect(fault).toContain(name);
    expect(fault).toMatch(/^METRICS_RETIRE_AFTER_SECONDS: expected .*more than 2370 s.*not 1800 s/);
  });

  it("have a margin that covers the longest push", () => {
    const fault = faultOf({ METRICS_PUSH_TIMEOUT_MS: 60_000, METRICS_MARGIN_SECONDS: 59 });
    expect(fault).toMatch(/^METRICS_MARGIN_SECONDS: expected no less than METRICS_PUSH_TIMEOUT_MS/);
    expect(
      faultOf({ METRICS_PUSH_TIMEOUT_MS: 60_000, METRICS_MARGIN_SECONDS: 60 }),
    ).toBeUndefined();
  });

  it("are taken exactly when the window is longer than its parts together", () => {
    const seconds = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 1_000 }),
        fc.tuple(seconds, seconds, seconds, seconds),
        (retireAfter, parts) => {
          const values = [retireAfter, ...parts];
          const variables = Object.fromEntries(WINDOWS.map((name, i) => [name, values[i] ?? 0]));
          const isLonger = retireAfter > parts.reduce((all, part) => all + part, 0);
          expect(faultOf(variables) === undefined).toBe(isLonger);
        },
      ),
    );
  });
});
