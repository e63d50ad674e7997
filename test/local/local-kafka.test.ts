/** Brokers that were given, as `npm start` meets them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../lib/config/service-config.ts";
import { openLocalKafka } from "../../local/local-kafka.ts";
import { freePort, LOOPBACK } from "../../local/ports.ts";
import {
  needsKafka,
  type OwnKafkaBroker,
  startKafka,
  whyNoKafka,
} from "../support/kafka/broker.ts";

needsKafka({ isOwn: true });

const PASSWORD = "s3cret-of-the-test";

let folder = "";
let broker: OwnKafkaBroker | undefined;
let address: string;

beforeAll(async () => {
  if (whyNoKafka(true) !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), "k2-trades-"));
  address = `${LOOPBACK}:${await freePort()}`;
  broker = await startKafka({
    properties: {
      listeners: `SASL://${address}`,
      "listener.security.protocol.map": "SASL:SASL_PLAINTEXT",
      "sasl.enabled.mechanisms": "SCRAM-SHA-512",
      "listener.name.sasl.scram-sha-512.sasl.jaas.config":
        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    },
    scram: [`SCRAM-SHA-512=[name=me,password=${PASSWORD}]`],
  });
}, 180_000);
afterAll(async () => {
  await broker?.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(password: string) {
  const { kafka } = loadConfig({
    KAFKA_BROKERS: address,
    KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
    KAFKA_SASL_USERNAME: "me",
    KAFKA_SASL_PASSWORD: password,
  });
  return openLocalKafka({ kafka, folder, port: 0 });
}

describe("brokers that were given", () => {
  it("get the topics that they lack", async () => {
    for (let opened = 1; opened <= 2; opened += 1) await (await open(PASSWORD)).close();
    expect(await broker?.endOffsets("trades")).toEqual([0, 0, 0]);
    expect(await broker?.endOffsets("trades-dead-letters")).toEqual([0]);
  }, 60_000);

  it("that refuse the password are said to, and the password is not", async () => {
    const said = await open("wrong-horse").catch((error: unknown) => String(error));
    expect(said).toContain(`Kafka at ${address} can't be used: `);
    expect(said).toMatch(/authentication failed/i);
    expect(said).not.toContain("wrong-horse");
  }, 60_000);
});
