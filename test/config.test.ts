import { describe, expect, it } from "vitest";
import { loadConfig } from "../lib/config.ts";
import type { ServiceError } from "../lib/errors.ts";

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
      metrics: { pushgateways: ["http://127.0.0.1:9091"], scrapeToken: undefined },
    });
  });

  it("takes an empty variable as unset", () => {
    expect(loadConfig({ STAGE: "", METRICS_SCRAPE_TOKEN: "" })).toEqual(loadConfig({}));
  });

  it("reads lists, shards and flags", () => {
    const config = loadConfig({
      PUSHGATEWAY_URL: "http://one:9091, https://two",
      TRADE_SHARDS: "BTCUSDT=8,BRK/B=2",
      KAFKA_BROKERS: "a:9092,b:9092",
      CORS_ORIGINS: "https://a.example,http://localhost:3000",
      METRICS_STRICT: "true",
    });
    expect(config.metrics).toMatchObject({
      pushgateways: ["http://one:9091", "https://two"],
      isStrict: true,
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
    ["TRADE_TTL_DAYS", "1.5"],
    ["TRADE_SHARDS", "BTCUSDT=65"],
    ["TRADE_SHARDS", "BTCUSDT"],
    ["RECENT_SHARDS", "0"],
    ["PUSHGATEWAY_URL", "ftp://x"],
    ["PUSHGATEWAY_URL", ","],
    ["METRICS_PUSH_TIMEOUT_MS", "1e3"],
    ["METRICS_STRICT", "yes"],
    ["METRICS_SCRAPE_TOKEN", "short"],
    ["CORS_ORIGINS", "https://a.example/"],
    ["KAFKA_BROKERS", "broker"],
    ["KAFKA_TRADES_TOPIC", "trades/eu"],
    ["KAFKA_DEAD_LETTER_TOPIC", ".."],
    ["KAFKA_TLS", "on"],
    ["KAFKA_TLS_CA", "/etc/ca.pem"],
    ["KAFKA_SASL_MECHANISM", "GSSAPI"],
  ])("refuses %s=%s, naming the variable and what was expected", (name, value) => {
    expect(() => loadConfig({ [name]: value })).toThrow(
      expect.objectContaining({
        code: "INVALID_CONFIG",
        detail: expect.stringMatching(new RegExp(`^${name}(?:\\.\\d+)?: expected \\S`)),
      }),
    );
  });

  it("takes TLS and SASL for Kafka", () => {
    const { kafka } = loadConfig({
      KAFKA_TLS: "true",
      KAFKA_TLS_CA: CERTIFICATE,
      KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
      KAFKA_SASL_USERNAME: "publisher",
      KAFKA_SASL_PASSWORD: "hunter2",
    });
    expect(kafka).toMatchObject({
      tls: { ca: CERTIFICATE },
      sasl: { mechanism: "SCRAM-SHA-512", username: "publisher", password: "hunter2" },
    });
  });

  it.each<[fact: string, variables: Record<string, string>, named: string[]]>([
    [
      "a mechanism without its user and password",
      { KAFKA_SASL_MECHANISM: "SCRAM-SHA-256" },
      ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"],
    ],
    ["a user without a mechanism", { KAFKA_SASL_USERNAME: "me" }, ["KAFKA_SASL_MECHANISM"]],
    ["a password without a mechanism", { KAFKA_SASL_PASSWORD: "x" }, ["KAFKA_SASL_MECHANISM"]],
    [
      "PLAIN without TLS",
      { KAFKA_SASL_MECHANISM: "PLAIN", KAFKA_SASL_USERNAME: "me", KAFKA_SASL_PASSWORD: "hunter2" },
      ["KAFKA_TLS"],
    ],
    ["certificates without TLS", { KAFKA_TLS_CA: CERTIFICATE }, ["KAFKA_TLS"]],
  ])("refuses %s, naming the variable to set", (_fact, variables, named) => {
    const { code, faults, detail } = refusalOf(variables);
    expect(code).toBe("INVALID_CONFIG");
    expect(faults.map(({ pointer }) => pointer.slice(1))).toEqual(named);
    expect(detail).not.toContain("hunter2");
  });

  it("names every bad variable at once and repeats no value", () => {
    const bad = { METRICS_SCRAPE_TOKEN: "hunter2", STAGE: "not good", RECENT_SHARDS: "many" };
    const error = refusalOf(bad);
    for (const [name, value] of Object.entries(bad)) {
      expect(error.detail).toContain(name);
      expect(JSON.stringify(error) + String(error)).not.toContain(value);
    }
  });
});

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

function refusalOf(variables: Record<string, string>): ServiceError {
  try {
    loadConfig(variables);
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error("the configuration was taken");
}
