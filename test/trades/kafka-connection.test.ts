/**
 * Getting into Kafka: TLS and SASL, as configured, on a real broker.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../lib/config/service-config.ts";
import { openKafkaProducer } from "../../lib/trades/kafka-producer.ts";
import { freePort, LOOPBACK } from "../../local/ports.ts";
import {
  needsKafka,
  startKafka,
  whyNoKafka,
  type OwnKafkaBroker,
} from "../support/kafka/broker.ts";

needsKafka({ isOwn: true });

const USER = "publisher";
const PASSWORD = "s3cret-of-the-test";
const STORE_PASSWORD = "of-the-test";
const TIMEOUT_MS = 8_000;
/** For what has to get in, on a machine that is busy. */
const LONG_MS = 40_000;

let folder = "";
let broker: OwnKafkaBroker | undefined;
let topic: string;
let ca: string;
/** Of each listener. */
let ports: Readonly<Record<"SASL" | "TLS" | "SASL_TLS", number>>;

beforeAll(async () => {
  if (whyNoKafka(true) !== undefined) return;
  const [sasl, tls, saslTls] = [await freePort(), await freePort(), await freePort()];
  ports = { SASL: sasl, TLS: tls, SASL_TLS: saslTls };
  folder = mkdtempSync(join(tmpdir(), "k2-trades-"));
  const keystore = join(folder, "broker.p12");
  ca = makeCertificate(keystore);
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USER}="${PASSWORD}";`;
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  broker = await startKafka({
    properties: {
      listeners: `SASL://${LOOPBACK}:${sasl},TLS://localhost:${tls},SASL_TLS://localhost:${saslTls}`,
      "listener.security.protocol.map": "SASL:SASL_PLAINTEXT,TLS:SSL,SASL_TLS:SASL_SSL",
      "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
      ...jaas("sasl", { "scram-sha-256": scram, "scram-sha-512": scram, plain }),
      ...jaas("sasl_tls", { "scram-sha-256": scram, "scram-sha-512": scram, plain }),
      "ssl.keystore.type": "PKCS12",
      "ssl.keystore.location": keystore,
      "ssl.keystore.password": STORE_PASSWORD,
    },
    scram: ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(
      (mechanism) => `${mechanism}=[name=${USER},password=${PASSWORD}]`,
    ),
  });
  topic = await broker.createTopic({ partitions: 1 });
}, 120_000);
afterAll(async () => {
  await broker?.close();
  rmSync(folder, { recursive: true, force: true });
});

function jaas(listener: string, mechanisms: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(mechanisms).map(([mechanism, config]) => [
      `listener.name.${listener}.${mechanism}.sasl.jaas.config`,
      config,
    ]),
  );
}

/** A certificate of its own for localhost; answers it in PEM. */
function makeCertificate(keystore: string): string {
  const keytool = (...options: string[]) =>
    execFileSync(
      "keytool",
      [...options, "-alias", "broker", "-keystore", keystore, "-storepass", STORE_PASSWORD],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    );
  const names = ["-dname", "CN=localhost", "-ext", `san=dns:localhost,ip:${LOOPBACK}`];
  keytool("-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12", "-validity", "2", ...names);
  return keytool("-exportcert", "-rfc");
}

/** Sends with a producer that these variables configure. */
async function send(
  listener: keyof typeof ports,
  variables: Readonly<Record<string, string>>,
  timeoutMs = TIMEOUT_MS,
) {
  const host = listener === "SASL" ? LOOPBACK : "localhost";
  const { kafka } = loadConfig({ KAFKA_BROKERS: `${host}:${ports[listener]}`, ...variables });
  const producer = openKafkaProducer({ ...kafka, clientId: "tests" });
  const record = { key: "a", value: Buffer.from("1"), headers: {} };
  try {
    return await producer.send(topic, [record], { timeoutMs });
  } finally {
    await producer.close();
  }
}

const sasl = (mechanism: string, password = PASSWORD) => ({
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_SASL_USERNAME: USER,
  KAFKA_SASL_PASSWORD: password,
});
const tls = () => ({ KAFKA_TLS: "true", KAFKA_TLS_CA: ca });

describe("a producer", () => {
  it.each<[fact: string, listener: keyof typeof ports, variables: () => Record<string, string>]>([
    ["TLS", "TLS", tls],
    ["SCRAM-SHA-256", "SASL", () => sasl("SCRAM-SHA-256")],
    ["SCRAM-SHA-512", "SASL", () => sasl("SCRAM-SHA-512")],
    ["SCRAM-SHA-512 over TLS", "SASL_TLS", () => ({ ...tls(), ...sasl("SCRAM-SHA-512") })],
    ["PLAIN over TLS", "SASL_TLS", () => ({ ...tls(), ...sasl("PLAIN") })],
  ])("gets in with %s", async (_fact, listener, variables) => {
    expect(await send(listener, variables(), LONG_MS)).toEqual({ acknowledged: 1 });
  });

  it.each<[string, keyof typeof ports, () => Record<string, string>, reason: RegExp]>([
    ["a wrong password", "SASL", () => sasl("SCRAM-SHA-512", "wrong"), /^unauthorized$/],
    ["no credentials where some are asked for", "SASL", () => ({}), /^(unanswered|unreachable)$/],
    ["no TLS where TLS is spoken", "TLS", () => ({}), /^(client|unanswered|unreachable)$/],
    [
      "a certificate nobody vouches for",
      "TLS",
      () => ({ KAFKA_TLS: "true" }),
      /^(unauthorized|unanswered|unreachable)$/,
    ],
  ])("is kept out, within the time, with %s", async (_fact, listener, variables, reason) => {
    const delivery = await send(listener, variables());
    expect(delivery).toMatchObject({
      acknowledged: 0,
      failure: { reason: expect.stringMatching(reason) },
    });
    expect(String(delivery.failure?.cause)).not.toContain(PASSWORD);
  });
});
