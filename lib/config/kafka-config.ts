/**
 * The brokers, how they are reached, and the topics.
 */

import * as v from "valibot";
import { type BrokenRule, rules } from "./rules.ts";
import { flag, list, matching, oneOf } from "./values.ts";

/** A topic's name, as Kafka allows it. */
const topic = matching(
  /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/,
  "1 to 249 letters, digits, `.`, `_`, `-`, and not `.` or `..`",
);

/** Whole ones: what hands on a single line, as `--param` does, cuts them short and says nothing. */
const certificates = v.pipe(
  matching(
    /-----BEGIN CERTIFICATE-----[^]+-----END CERTIFICATE-----(?![^]*-----BEGIN )/,
    "whole certificates in PEM; in a single line, with `\\n` for each line's end",
  ),
  v.transform((text) => text.replaceAll("\\n", "\n")),
);

const variables = v.object({
  KAFKA_BROKERS: v.optional(
    list(matching(/^[^:\s]+:\d{1,5}$/, "host:port, separated by commas")),
    "",
  ),
  KAFKA_TRADES_TOPIC: v.optional(topic, "trades"),
  KAFKA_DEAD_LETTER_TOPIC: v.optional(topic, "trades-dead-letters"),
  KAFKA_CONSUMER_GROUP: v.optional(
    v.pipe(v.string(), v.maxLength(200, "at most 200 characters")),
    "k2-trades-dev",
  ),
  KAFKA_TLS: flag,
  KAFKA_TLS_CA: v.optional(certificates),
  KAFKA_SASL_MECHANISM: v.optional(oneOf("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")),
  KAFKA_SASL_USERNAME: v.optional(v.string()),
  KAFKA_SASL_PASSWORD: v.optional(v.string()),
});

type Variables = v.InferOutput<typeof variables>;

export const kafkaConfig = v.pipe(
  variables,
  rules(brokenRules),
  v.transform((env) => ({
    brokers: env.KAFKA_BROKERS,
    group: env.KAFKA_CONSUMER_GROUP,
    topics: { trades: env.KAFKA_TRADES_TOPIC, deadLetters: env.KAFKA_DEAD_LETTER_TOPIC },
    tls: env.KAFKA_TLS ? { ca: env.KAFKA_TLS_CA } : undefined,
    sasl: saslOf(env),
  })),
);

/** Of variables that only make sense together, the one that is missing or in the way is named. */
function brokenRules(env: Variables): BrokenRule<keyof Variables>[] {
  const mechanism = env.KAFKA_SASL_MECHANISM;
  const hasUser = env.KAFKA_SASL_USERNAME !== undefined;
  const hasPassword = env.KAFKA_SASL_PASSWORD !== undefined;
  const broken: BrokenRule<keyof Variables>[] = [];
  const refuse = (variable: keyof Variables, expected: string) =>
    broken.push({ variable, expected });
  if (mechanism !== undefined && !hasUser)
    refuse("KAFKA_SASL_USERNAME", "a user, since KAFKA_SASL_MECHANISM is set");
  if (mechanism !== undefined && !hasPassword)
    refuse("KAFKA_SASL_PASSWORD", "a password, since KAFKA_SASL_MECHANISM is set");
  if (mechanism === undefined && (hasUser || hasPassword))
    refuse(
      "KAFKA_SASL_MECHANISM",
      "a mechanism, since KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is set",
    );
  if (mechanism === "PLAIN" && !env.KAFKA_TLS)
    refuse("KAFKA_TLS", '"true", since PLAIN sends the password as it is');
  if (env.KAFKA_TLS_CA !== undefined && !env.KAFKA_TLS)
    refuse("KAFKA_TLS", '"true", since KAFKA_TLS_CA is set');
  return broken;
}

function saslOf(env: Variables) {
  const { KAFKA_SASL_MECHANISM: mechanism } = env;
  const { KAFKA_SASL_USERNAME: username = "", KAFKA_SASL_PASSWORD: password = "" } = env;
  return mechanism === undefined ? undefined : { mechanism, username, password };
}
