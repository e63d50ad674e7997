import { describe, expect, it } from "vitest";
import { functionConfig } from "../../lib/config/function-config.ts";
import { kafkaConfig } from "../../lib/config/kafka-config.ts";
import { pageConfig } from "../../lib/config/page-config.ts";
import { readConfig, readConfigOrDefaults } from "../../lib/config/read-config.ts";
import { tradesConfig } from "../../lib/config/trades-config.ts";
import { refusalOf } from "../support/refusal.ts";

const PARTS = { own: functionConfig, trades: tradesConfig, kafka: kafkaConfig, page: pageConfig };

describe("readConfig", () => {
  it("takes an empty variable as unset", () => {
    expect(readConfig(PARTS, { STAGE: "", METRICS_SCRAPE_TOKEN: "" })).toEqual(
      readConfig(PARTS, {}),
    );
  });

  it("looks at no variable of a part that was not asked for", () => {
    const { own } = readConfig({ own: functionConfig }, { STAGE: "eu", KAFKA_TLS: "on" });
    expect(own.stage).toBe("eu");
  });

  it("names every bad variable of all parts at once, rules too, and repeats no value", () => {
    const bad = {
      METRICS_SCRAPE_TOKEN: "hunter2",
      STAGE: "not good",
      RECENT_SHARDS: "many",
      KAFKA_SASL_PASSWORD: "correct horse",
    };
    const error = refusalOf(() => readConfig(PARTS, bad));
    expect(error.faults.map(({ pointer }) => pointer)).toEqual([
      "/STAGE",
      "/RECENT_SHARDS",
      "/KAFKA_SASL_MECHANISM",
      "/METRICS_SCRAPE_TOKEN",
    ]);
    for (const { pointer, detail } of error.faults)
      expect(error.detail).toContain(`${pointer.slice(1)}: ${detail}`);
    for (const value of Object.values(bad))
      expect(JSON.stringify(error) + String(error)).not.toContain(value);
  });
});

describe("readConfigOrDefaults", () => {
  it("gives a part with a bad variable its defaults, and the others what they were given", () => {
    const variables = { RECENT_SHARDS: "many", TRADE_TTL_DAYS: "7", STAGE: "eu" };
    const { config, fault } = readConfigOrDefaults(PARTS, variables);
    expect(config.trades).toEqual({ ttlDays: 0, shards: new Map(), recentShards: 4 });
    expect(config.own.stage).toBe("eu");
    expect(fault?.detail).toBe("RECENT_SHARDS: expected a whole number from 1 to 64");
  });

  it("has no fault where nothing is wrong", () => {
    expect(readConfigOrDefaults(PARTS, {}).fault).toBeUndefined();
  });
});
