import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parameterFaults, variableOf } from "../../ops/serverless/parameters.ts";
import { packageService } from "../support/packaged-service.ts";

const { params, provider, functions } = parse(
  readFileSync(join(import.meta.dirname, "../../serverless.yml"), "utf8"),
  { logLevel: "silent" },
) as {
  params: { default: Readonly<Record<string, unknown>> };
  provider: { environment: Readonly<Record<string, unknown>> };
  functions: Readonly<Record<string, { environment?: Readonly<Record<string, unknown>> }>>;
};
const DEFAULTS = { ...params.default, kafkaConsumerGroup: "k2-trades-dev" };
const NAMES = Object.keys(DEFAULTS);
const REFERENCE = "{{resolve:secretsmanager:k2-trades/prod:SecretString:x}}";
const SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:k2-trades/kafka-AbCdEf";
const CLUSTER_ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/trades/abcd-1234-5";
const KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d";
const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

type Given = Readonly<Record<string, unknown>>;
const faultsOf = (given: Given) => parameterFaults({ ...DEFAULTS, ...given }, NAMES);

const VPC = { vpc: "true", vpcSubnetIds: "subnet-1,subnet-2", vpcSecurityGroupIds: "sg-1" };
const OWN_KAFKA = { consumeFrom: "kafka", kafkaBrokers: "b1.internal:9092,b2.internal:9092" };
const MSK = {
  ...VPC,
  consumeFrom: "msk",
  kafkaClusterArn: CLUSTER_ARN,
  kafkaBrokers: "b-1.trades.kafka.us-east-1.amazonaws.com:9096",
};
const SASL = {
  kafkaTls: "true",
  kafkaSaslMechanism: "SCRAM-SHA-512",
  kafkaSaslUsername: "k2-trades",
  kafkaSaslPassword: REFERENCE,
  kafkaSecretArn: SECRET_ARN,
};
const MSK_SASL = { ...MSK, ...SASL, kafkaSecretKeyArn: KEY_ARN };

describe("parameters pass", () => {
  it.each<Given>([
    {},
    VPC,
    OWN_KAFKA,
    { ...OWN_KAFKA, kafkaSubnetIds: "subnet-1", kafkaSecurityGroupIds: "sg-1,sg-2" },
    { ...OWN_KAFKA, ...SASL },
    MSK,
    MSK_SASL,
    { alarms: "true", alarmTopicArn: "arn:aws:sns:us-east-1:123456789012:alarms" },
    { metricsScrapeToken: REFERENCE, pushgatewayUrl: REFERENCE },
    { pushgatewayUrl: "http://one:9091,https://two.example.com/push" },
    { kafkaTls: "true", kafkaTlsCa: REFERENCE },
    { kafkaTls: "true", kafkaTlsCa: CERTIFICATE },
    { kafkaTls: "true", kafkaTlsCa: CERTIFICATE.replaceAll("\n", "\\n") },
    { tradeShards: "BTCUSDT=8,ETHUSDT=4" },
    { pushgatewayPassword: { Ref: "Password" } },
    { logRetentionDays: 7, reserveConcurrency: false },
  ])("%j", (given) => {
    expect(faultsOf(given)).toEqual([]);
  });
});

describe("a parameter is refused by its name, with what was expected", () => {
  it.each<[given: Given, fault: string]>([
    [{ kafkaBroker: "b:9092" }, "kafkaBroker: there is no such parameter"],
    [{ vpc: "tru" }, "vpc: expected true or false"],
    [{ vpc: "true", vpcSecurityGroupIds: "sg-1" }, "vpcSubnetIds: expected subnets, since vpc"],
    [{ vpc: "true", vpcSubnetIds: "subnet-1" }, "vpcSecurityGroupIds: expected groups, since vpc"],
    [{ ...VPC, vpc: "false" }, "vpc: expected true, since vpcSubnetIds is set"],
    [{ ...VPC, vpcSubnetIds: "subnet-1, subnet-2" }, "vpcSubnetIds: expected subnet-…"],
    [{ ...VPC, vpcSecurityGroupIds: "default" }, "vpcSecurityGroupIds: expected sg-…"],
    [{ alarms: "yes" }, "alarms: expected true or false"],
    [{ alarms: "true" }, "alarmTopicArn: expected a topic, since alarms is true"],
    [{ alarmTopicArn: "alarms" }, "alarmTopicArn: expected the ARN of a topic"],
    [{ apiGatewayLogRole: "none" }, "apiGatewayLogRole: expected create or external"],
    [{ logRetentionDays: "2" }, "logRetentionDays: expected 1, 3, 5, 7, 14,"],
    [{ rateLimit: "0" }, "rateLimit: expected a whole number from 1"],
    [{ dailyQuota: "1e6" }, "dailyQuota: expected a whole number"],
    [{ consumeFrom: "kinesis" }, "consumeFrom: expected none, kafka or msk"],
    [{ ...OWN_KAFKA, kafkaBrokers: "" }, "kafkaBrokers: expected host:port, since consumeFrom"],
    [{ kafkaBrokers: "b1" }, "kafkaBrokers.0: expected host:port"],
    [{ ...MSK, kafkaClusterArn: "" }, "kafkaClusterArn: expected a cluster, since consumeFrom"],
    [{ ...MSK, kafkaClusterArn: SECRET_ARN }, "kafkaClusterArn: expected arn:aws:kafka:"],
    [{ ...OWN_KAFKA, ...SASL, kafkaSecretArn: "" }, "kafkaSecretArn: expected the secret that"],
    [
      { ...SASL, kafkaSecretArn: "k2-trades/kafka" },
      "kafkaSecretArn: expected the ARN of a secret",
    ],
    [{ ...MSK, kafkaBrokers: "" }, "kafkaBrokers: expected host:port, since consumeFrom is set"],
    [{ ...MSK, vpc: "false", vpcSubnetIds: "" }, "vpc: expected true, since MSK's brokers"],
    [{ ...MSK, ...SASL }, "kafkaSecretKeyArn: expected the key of kafkaSecretArn, since MSK"],
    [
      { ...MSK_SASL, kafkaSecretKeyArn: "alias/kafka" },
      "kafkaSecretKeyArn: expected the ARN of a key",
    ],
    [{ ...MSK_SASL, kafkaSaslMechanism: "PLAIN" }, "kafkaSaslMechanism: expected SCRAM-SHA-512 or"],
    [{ ...SASL, kafkaSaslPassword: "" }, "kafkaSaslPassword: expected a password, since kafkaSasl"],
    [{ ...SASL, kafkaSaslMechanism: "PLAIN", kafkaTls: "false" }, 'kafkaTls: expected "true"'],
    [{ ...MSK, kafkaSecretArn: SECRET_ARN }, "kafkaSaslMechanism: expected a mechanism, since"],
    [{ ...MSK, kafkaSecretKeyArn: KEY_ARN }, "kafkaSecretArn: expected the secret that it encr"],
    [{ kafkaSubnetIds: "subnet-1" }, "kafkaSecurityGroupIds: expected groups, since kafkaSubnet"],
    [{ kafkaSecurityGroupIds: "sg-1" }, "kafkaSubnetIds: expected subnets, since kafkaSecurity"],
    [{ kafkaBatchSize: "10001" }, "kafkaBatchSize: expected a whole number from 1 to 10000"],
    [{ kafkaTls: "true", kafkaTlsCa: "-----BEGIN CERTIFICATE-----" }, "kafkaTlsCa: expected whole"],
    [{ kafkaTradesTopic: "a/b" }, "kafkaTradesTopic: expected 1 to 249 letters"],
    [{ pushgatewayUrl: "gateway:9091" }, "pushgatewayUrl.0: expected an http:// or https:// URL"],
    [{ pushgatewayUrl: "http://me:secret@gateway" }, "pushgatewayUrl: expected a reference"],
    [{ metricsScrapeToken: "correct-horse" }, "metricsScrapeToken: expected a reference"],
    [{ ...SASL, kafkaSaslUsername: "" }, "kafkaSaslUsername: expected a user, since kafkaSaslMe"],
    [{ metricsStrategy: "often" }, "metricsStrategy: expected every or adaptive"],
    [{ metricsLeaseSeconds: "1800" }, "metricsRetireAfterSeconds: expected at least 10 s"],
    [
      { metricsMarginSeconds: "1", metricsPushTimeoutMs: "2000" },
      "metricsMarginSeconds: expected no less than metricsPushTimeoutMs",
    ],
  ])("%j", (given, fault) => {
    expect(faultsOf(given)).toEqual([expect.stringContaining(fault)]);
  });

  it("each one of them, but names of users, which may be anything", () => {
    const refused = NAMES.filter((name) =>
      faultsOf({ [name]: "§".repeat(300) }).some((fault) => fault.startsWith(name)),
    );
    const passed = NAMES.filter((name) => !refused.includes(name));
    expect(passed).toEqual(["pushgatewayUsername", "kafkaSaslUsername"]);
  });

  it("all that are wrong at once, and no value is repeated", () => {
    const faults = faultsOf({ vpc: "tru", tracing: "maybe", pushgatewayToken: "correct-horse" });
    expect(faults.map((fault) => fault.split(":")[0])).toEqual([
      "vpc",
      "tracing",
      "pushgatewayToken",
    ]);
    expect(faults.join("\n")).not.toMatch(/tru\b|maybe|correct-horse/);
  });
});

it("a parameter's variable is the one that serverless.yml makes of it", () => {
  const environments = [provider, ...Object.values(functions)].map((one) => one.environment ?? {});
  const handed = environments
    .flatMap((environment) => Object.entries(environment))
    .map(([variable, source]) => [/^\$\{param:(\w+)\}$/.exec(String(source))?.[1], variable])
    .filter(([name]) => name !== undefined);
  expect(handed.length).toBeGreaterThan(25);
  for (const [name = "", variable] of handed) expect(variableOf(name)).toBe(variable);
});

describe("packaging", () => {
  it.each<[params: Readonly<Record<string, string>>, refusal: RegExp]>([
    // The framework itself would refuse the first, by another name.
    [
      { logRetentionDays: "2", vpc: "tru", kafkaBroker: "b:9092" },
      /kafkaBroker: there is no such parameter.*\nlogRetentionDays: expected 1, .*\nvpc: expected/,
    ],
    [{ metricsScrapeToken: "correct-horse-battery" }, /metricsScrapeToken: expected a reference/],
  ])(
    "refuses %j before it packages anything, in these words",
    (given, refusal) => {
      const said = packaging(given);
      expect(said).toMatch(refusal);
      expect(said).not.toMatch(/correct-horse|Packaging/);
    },
    300_000,
  );
});

/** What packaging said when it was refused. */
function packaging(given: Readonly<Record<string, string>>): string {
  try {
    packageService({ params: given }).remove();
    return "packaged";
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    return Buffer.concat([stdout, stderr]).toString();
  }
}
