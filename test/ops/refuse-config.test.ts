import { describe, expect, it } from "vitest";
import RefuseConfig, { configFaults } from "../../ops/serverless/refuse-config.ts";

const REFERENCE = "{{resolve:secretsmanager:k2-trades/prod:SecretString:x}}";

describe("configFaults", () => {
  it.each([
    {},
    { METRICS_LEASE_SECONDS: 1_200, NODE_OPTIONS: "--enable-source-maps" },
    { METRICS_SCRAPE_TOKEN: REFERENCE, PUSHGATEWAY_PASSWORD: REFERENCE },
    { PUSHGATEWAY_URL: REFERENCE },
    { KAFKA_TLS: "true", KAFKA_TLS_CA: REFERENCE },
    { PUSHGATEWAY_URL: { "Fn::ImportValue": "pushgateway-url" } },
  ])("finds nothing wrong with %j", (variables) => {
    expect(configFaults(variables)).toEqual([]);
  });

  it.each([
    [
      { METRICS_LEASE_SECONDS: 1_800 },
      /^METRICS_RETIRE_AFTER_SECONDS: expected .*more than 2370 s/,
    ],
    [{ METRICS_MARGIN_SECONDS: "1", METRICS_PUSH_TIMEOUT_MS: "2000" }, /^METRICS_MARGIN_SECONDS: /],
    [
      { METRICS_STRATEGY: "often", PUSHGATEWAY_URL: REFERENCE },
      /^METRICS_STRATEGY: expected every/,
    ],
    [{ PUSHGATEWAY_URL: "gateway:9091" }, /^PUSHGATEWAY_URL\.0: expected an http/],
  ])("finds %j wrong", (variables, fault) => {
    expect(configFaults(variables)).toEqual([expect.stringMatching(fault)]);
  });
});

it("packaging is refused, with each fault once", () => {
  const Properties = { Environment: { Variables: { METRICS_LEASE_SECONDS: 1_800 } } };
  const Resources = Object.fromEntries(
    ["A", "B"].map((id) => [id, { Type: "AWS::Lambda::Function", Properties }]),
  );
  class ServerlessError extends Error {}
  const provider = { compiledCloudFormationTemplate: { Resources } };
  const { hooks } = new RefuseConfig({
    service: { provider },
    classes: { Error: ServerlessError },
  });
  expect(() => hooks["before:package:finalize"]?.()).toThrow(
    /^METRICS_RETIRE_AFTER_SECONDS[^;]*; see [^;]*$/,
  );
});
