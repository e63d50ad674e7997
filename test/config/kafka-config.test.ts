import { describe, expect, it } from "vitest";
import { kafkaConfig } from "../../lib/config/kafka-config.ts";
import { readConfig } from "../../lib/config/read-config.ts";
import { refusalOf } from "../support/refusal.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

const read = (variables: Readonly<Record<string, string>>) =>
  readConfig({ kafka: kafkaConfig }, variables).kafka;

describe("the configuration of Kafka", () => {
  it("takes TLS and SASL", () => {
    const kafka = read({
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

  it("takes certificates whose lines end with the characters \\n", () => {
    const KAFKA_TLS_CA = CERTIFICATE.replaceAll("\n", "\\n");
    expect(read({ KAFKA_TLS: "true", KAFKA_TLS_CA }).tls).toEqual({ ca: CERTIFICATE });
  });

  it.each([
    ["KAFKA_BROKERS", "broker"],
    ["KAFKA_TRADES_TOPIC", "trades/eu"],
    ["KAFKA_DEAD_LETTER_TOPIC", ".."],
    ["KAFKA_CONSUMER_GROUP", "g".repeat(201)],
    ["KAFKA_TLS", "on"],
    ["KAFKA_TLS_CA", "/etc/ca.pem"],
    ["KAFKA_TLS_CA", "-----BEGIN CERTIFICATE-----"],
    ["KAFKA_TLS_CA", `${CERTIFICATE}-----BEGIN CERTIFICATE-----`],
    ["KAFKA_SASL_MECHANISM", "GSSAPI"],
  ])("refuses %s=%s", (name, value) => {
    expect(refusalOf(() => read({ [name]: value })).detail).toMatch(
      new RegExp(`^${name}(?:\\.0)?: expected \\S`),
    );
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
    const { code, faults, detail } = refusalOf(() => read(variables));
    expect(code).toBe("INVALID_CONFIG");
    expect(faults.map(({ pointer }) => pointer.slice(1))).toEqual(named);
    expect(detail).not.toContain("hunter2");
  });
});
