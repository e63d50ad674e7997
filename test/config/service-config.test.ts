import { describe, expect, it } from "vitest";
import { loadConfig } from "../../lib/config/service-config.ts";
import { refusalOf } from "../support/refusal.ts";

describe("loadConfig", () => {
  it("has a default for everything that fits one machine", () => {
    expect(loadConfig({})).toMatchObject({
      service: "k2-trades",
      stage: "dev",
      corsOrigins: [],
      dynamodb: { region: "us-east-1", endpoint: undefined, table: "k2-trades-dev" },
      trades: { ttlDays: 0, shards: new Map(), recentShards: 4 },
      kafka: {
        brokers: [],
        topics: { trades: "trades", deadLetters: "trades-dead-letters" },
        tls: undefined,
        sasl: undefined,
      },
    });
  });

  it("reads lists, shards and origins", () => {
    const config = loadConfig({
      TRADE_SHARDS: "BTCUSDT=8,BRK/B=2",
      KAFKA_BROKERS: "a:9092,b:9092",
      CORS_ORIGINS: "https://a.example,http://localhost:3000",
    });
    expect([...config.trades.shards]).toEqual([
      ["BTCUSDT", 8],
      ["BRK/B", 2],
    ]);
    expect(config.kafka.brokers).toEqual(["a:9092", "b:9092"]);
    expect(config.corsOrigins).toEqual(["https://a.example", "http://localhost:3000"]);
  });

  it.each([
    ["STAGE", "a b"],
    ["LOG_LEVEL", "loud"],
    ["TABLE_NAME", "x"],
    ["DYNAMODB_ENDPOINT", "localhost:8000"],
    ["TRADE_TTL_DAYS", "-1"],
    ["TRADE_SHARDS", "BTCUSDT=65"],
    ["TRADE_SHARDS", "BTCUSDT"],
    ["RECENT_SHARDS", "0"],
    ["CORS_ORIGINS", "https://a.example/"],
    ["KAFKA_BROKERS", "broker"],
  ])("refuses %s=%s, naming the variable and what was expected", (name, value) => {
    expect(refusalOf(() => loadConfig({ [name]: value }))).toMatchObject({
      code: "INVALID_CONFIG",
      detail: expect.stringMatching(new RegExp(`^${name}(?:\\.\\d+)?: expected \\S`)),
    });
  });

  it.each([{ METRICS_STRATEGY: "often" }, { PUSHGATEWAY_URL: "ftp://x" }])(
    "looks at no variable of metrics: %j is no reason to refuse requests",
    (variables) => {
      expect(loadConfig(variables)).toEqual(loadConfig({}));
    },
  );
});
