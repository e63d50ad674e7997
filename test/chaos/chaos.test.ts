import { beforeEach, describe, expect, it } from "vitest";
import { whyNoRuntimeClient } from "../support/lambda/runtime-client.ts";
import { PROMETHEUS } from "./prometheus.ts";
import { brokenPromises } from "./promises.ts";
import { findPushgateway } from "./pushgateway-life.ts";
import { runWay } from "./run-way.ts";
import { lossesTable } from "./table.ts";

const pushgateway = findPushgateway();

beforeEach((context) => {
  const isMandatory = process.env["CI"] !== undefined;
  if (!isMandatory) context.skip("it takes a minute and a half: npm run chaos, or CI=true");
  const missing =
    whyNoRuntimeClient() ?? (PROMETHEUS === undefined ? "Prometheus is not installed" : undefined);
  if (missing !== undefined) throw new Error(missing);
});

/** What is planned is the same each time; what real processes make of it is not. */
const SEED = process.env["CHAOS_SEED"] ?? "chaos";
/** No part of it waits for a time that a slow machine could miss: this ends one that hangs. */
const TIMEOUT_MS = 1_800_000;

describe("under chaos", () => {
  it(
    "everything acknowledged is counted once, no page falls, and no group is left (promises 1 to 4)",
    { timeout: TIMEOUT_MS },
    async () => {
      if (pushgateway === undefined) throw new Error("expected a Pushgateway on this machine");
      const options = {
        seed: SEED,
        environments: 12,
        invocations: 1_000,
        perSecond: 40,
        pushgateway,
      };
      const report = await runWay("exact", options);
      expect(brokenPromises(report), `seed ${SEED}\n${lossesTable(report)}`).toEqual([]);
    },
  );

  it(
    "the same reckoning finds what prom-client's own push loses",
    { timeout: TIMEOUT_MS },
    async () => {
      if (pushgateway === undefined) throw new Error("expected a Pushgateway on this machine");
      const options = { seed: SEED, environments: 6, invocations: 300, perSecond: 40, pushgateway };
      const report = await runWay("push", options);
      expect(report.lost).toBeGreaterThan(report.recorded / 2);
      expect(report.decreases).toBeGreaterThan(0);
      expect(report.groups).toBe(1);
    },
  );
});
