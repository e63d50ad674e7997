import { expect, it } from "vitest";
import { kafkaConfig } from "../../lib/config/kafka-config.ts";
import { readConfig } from "../../lib/config/read-config.ts";
import { paramsFor } from "../../local/functions.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

it("the local functions get certificates whole, though a parameter ends with its first line", async () => {
  const params = await paramsFor({ KAFKA_TLS: "true", KAFKA_TLS_CA: CERTIFICATE });
  // As the framework reads them.
  const [kept] = params.map((param) => /^--param=kafkaTlsCa=(.+)/.exec(param)?.[1]).filter(Boolean);
  const variables = { KAFKA_TLS: "true", KAFKA_TLS_CA: kept };
  expect(readConfig({ kafka: kafkaConfig }, variables).kafka.tls).toEqual({ ca: CERTIFICATE });
});
