/**
 * What a deployment may choose: each parameter of `serverless.yml` with what is expected of it. Those
 * that become a variable of the functions are judged by the functions' own configuration.
 */

import * as v from "valibot";
import { matching, numberIn, oneOf } from "../../lib/config/values.ts";
import { configFaults } from "./refuse-config.ts";
import { plainSecrets, REFERENCE_EXPECTED } from "./refuse-plain-secrets.ts";

/** A value as it comes from the command line (text) or from `serverless.yml`. */
export type Parameters = Readonly<Record<string, unknown>>;

const listOf = (pattern: RegExp, expected: string) =>
  v.pipe(
    v.string(),
    v.check((list) => list === "" || list.split(",").every((id) => pattern.test(id)), expected),
  );
const isTrueOrFalse = oneOf("true", "false");
const subnets = listOf(/^subnet-[0-9a-z]+$/, "subnet-…, separated by commas alone");
const securityGroups = listOf(/^sg-[0-9a-zA-Z]+$/, "sg-…, separated by commas alone");
const secret = matching(
  /^(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+)?$/,
  "the ARN of a secret, arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME",
);

/** Those that no function sees. Ranges are AWS's. */
const OfTheStack = v.object({
  logRetentionDays: oneOf(
    ..."1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653".split(
      " ",
    ),
  ),
  rateLimit: numberIn(1, 1_000_000),
  burstLimit: numberIn(1, 1_000_000),
  dailyQuota: numberIn(1, 2_147_483_647),
  vpc: isTrueOrFalse,
  vpcSubnetIds: subnets,
  vpcSecurityGroupIds: securityGroups,
  reserveConcurrency: isTrueOrFalse,
  tracing: isTrueOrFalse,
  alarms: isTrueOrFalse,
  alarmTopicArn: matching(
    /^(?:arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]+)?$/,
    "the ARN of a topic, arn:aws:sns:REGION:ACCOUNT:NAME",
  ),
  apiGatewayLogRole: oneOf("create", "external"),
  consumeFrom: oneOf("none", "kafka", "msk"),
  kafkaClusterArn: matching(
    /^(?:arn:aws[a-z-]*:kafka:[a-z0-9-]+:\d{12}:cluster\/[^/\s]+\/[^/\s]+)?$/,
    "arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID",
  ),
  kafkaSecretArn: secret,
  kafkaSecretKeyArn: matching(
    /^(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+)?$/,
    "the ARN of a key, arn:aws:kms:REGION:ACCOUNT:key/ID",
  ),
  kafkaCaSecretArn: secret,
  kafkaSubnetIds: subnets,
  kafkaSecurityGroupIds: securityGroups,
  kafkaBatchSize: numberIn(1, 10_000),
  kafkaBatchWindowSeconds: numberIn(1, 300),
  kafkaMaxRetries: numberIn(0, 10_000),
  kafkaMaxAgeSeconds: numberIn(60, 604_800),
  kafkaMaxPollers: numberIn(1, 2_000),
});

/** What one value asks of another: the parameter at fault, whether all is well, what was expected. */
type Rule = readonly [parameter: string, isKept: boolean, expected: string];

/**
 * What is wrong, one sentence for each fault: the parameter and what was expected. Never a value,
 * since some are secrets.
 * @param known names of all parameters that there are.
 */
export function parameterFaults(parameters: Parameters, known: readonly string[]): string[] {
  const unknown = Object.keys(parameters)
    .filter((name) => !known.includes(name))
    .map((name) => `${name}: there is no such parameter; params in serverless.yml has them all`);
  const { issues = [] } = v.safeParse(OfTheStack, textsOf(parameters));
  const ofTheStack = issues.map((issue) => `${v.getDotPath(issue)}: expected ${issue.message}`);
  const together = rulesOf(parameters)
    .filter(([, isKept]) => !isKept)
    .map(([name, , expected]) => `${name}: expected ${expected}`);
  return [...unknown, ...ofTheStack, ...together, ...variableFaults(parameters)];
}

function rulesOf(parameters: Parameters): Rule[] {
  const of = (name: string) => toText(parameters[name] ?? "");
  const isSet = (name: string) => of(name) !== "";
  const [inVpc, alarms] = [of("vpc") === "true", of("alarms") === "true"];
  const [ownKafka, msk] = [of("consumeFrom") === "kafka", of("consumeFrom") === "msk"];
  const mechanism = of("kafkaSaslMechanism");
  return [
    ["vpcSubnetIds", !inVpc || isSet("vpcSubnetIds"), "subnets, since vpc is true"],
    ["vpcSecurityGroupIds", !inVpc || isSet("vpcSecurityGroupIds"), "groups, since vpc is true"],
    ["vpc", inVpc || !isSet("vpcSubnetIds"), "true, since vpcSubnetIds is set"],
    ["alarmTopicArn", !alarms || isSet("alarmTopicArn"), "a topic, since alarms is true"],
    // Of MSK, too: dead letters are produced there, and without them poison keeps its partition.
    [
      "kafkaBrokers",
      !(ownKafka || msk) || isSet("kafkaBrokers"),
      "host:port, since consumeFrom is set: dead letters are produced there",
    ],
    ["vpc", !msk || inVpc, "true, since MSK's brokers are reached from inside a network alone"],
    ["kafkaClusterArn", !msk || isSet("kafkaClusterArn"), "a cluster, since consumeFrom is msk"],
    [
      "kafkaSecretArn",
      !(ownKafka || msk) || mechanism === "" || isSet("kafkaSecretArn"),
      "the secret that Lambda reads Kafka with, since kafkaSaslMechanism is set",
    ],
    [
      "kafkaSaslMechanism",
      mechanism !== "" || !isSet("kafkaSecretArn"),
      "a mechanism, since kafkaSecretArn is set",
    ],
    [
      "kafkaSecretArn",
      isSet("kafkaSecretArn") || !isSet("kafkaSecretKeyArn"),
      "the secret that it encrypts, since kafkaSecretKeyArn is set",
    ],
    [
      "kafkaSecretKeyArn",
      !msk || mechanism === "" || isSet("kafkaSecretKeyArn"),
      "the key of kafkaSecretArn, since MSK takes no secret without a key of one's own",
    ],
    [
      "kafkaSaslMechanism",
      !msk || ["", "SCRAM-SHA-512"].includes(mechanism),
      "SCRAM-SHA-512 or nothing, since MSK knows no other",
    ],
    [
      "kafkaSubnetIds",
      isSet("kafkaSubnetIds") || !isSet("kafkaSecurityGroupIds"),
      "subnets, since kafkaSecurityGroupIds is set",
    ],
    [
      "kafkaSecurityGroupIds",
      isSet("kafkaSecurityGroupIds") || !isSet("kafkaSubnetIds"),
      "groups, since kafkaSubnetIds is set",
    ],
  ];
}

/** What the functions would say of theirs, or the template would tell, by the parameters' names. */
function variableFaults(parameters: Parameters): string[] {
  const variables = Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      variableOf(name),
      typeof value === "object" ? value : toText(value),
    ]),
  );
  const names = new Map(Object.keys(parameters).map((name) => [variableOf(name), name]));
  const plain = plainSecrets(variables);
  return [
    ...plain.map((variable) => `${variable}: ${REFERENCE_EXPECTED}`),
    ...configFaults(variables).filter((fault) => !plain.some((name) => fault.startsWith(name))),
  ].map((fault) => fault.replaceAll(/\b[A-Z][A-Z_]+\b/g, (word) => names.get(word) ?? word));
}

/** `kafkaTls` → `KAFKA_TLS`, as `serverless.yml` hands them on; `version` is the one exception. */
export function variableOf(parameter: string): string {
  if (parameter === "version") return "APP_VERSION";
  return parameter.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function textsOf(parameters: Parameters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, toText(value)]),
  );
}

/** `serverless.yml` has switches and numbers, the command line has texts only. */
function toText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
