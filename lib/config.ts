/**
 * The configuration: the only reader of `process.env`. Every variable has a default that fits one
 * machine, and a wrong value is refused at start with its name and what was expected.
 */

import * as v from "valibot";
import { ServiceError } from "./errors.ts";

/** A whole number in a range, written in decimal digits. */
const wholeNumber = (min: number, max: number, fallback: number) =>
  v.optional(
    v.pipe(
      v.string(),
      v.check(
        (text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max,
        `a whole number from ${min} to ${max}`,
      ),
      v.transform(Number),
    ),
    String(fallback),
  );

const httpUrl = v.pipe(
  v.string(),
  v.check((text) => URL.canParse(text) && /^https?:/.test(text), "an http:// or https:// URL"),
);

const list = (item: v.GenericSchema<string, string>) =>
  v.pipe(
    v.string(),
    v.transform((text) =>
      text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
    ),
    v.array(item),
  );

const flag = v.pipe(
  v.optional(v.picklist(["true", "false"], '"true" or "false"'), "false"),
  v.transform((text) => text === "true"),
);

const name = (expected: string) => v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,64}$/, expected));

const shardList = v.pipe(
  list(
    v.pipe(
      v.string(),
      v.regex(
        /^[A-Z0-9][A-Z0-9._/-]{0,31}=([1-9]|[1-5]\d|6[0-4])$/,
        "SYMBOL=SHARDS with 1 to 64 shards",
      ),
    ),
  ),
  v.transform((parts) => new Map(parts.map((part) => splitShards(part)))),
);

/** A topic's name, as Kafka allows it. */
const topic = (fallback: string) =>
  v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/,
        "1 to 249 letters, digits, `.`, `_`, `-`, and not `.` or `..`",
      ),
    ),
    fallback,
  );

const SASL_MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

const Environment = v.object({
  SERVICE_NAME: v.optional(name("1 to 64 letters, digits, `_`, `.`, `-`"), "k2-trades"),
  STAGE: v.optional(name("1 to 64 letters, digits, `_`, `.`, `-`"), "dev"),
  APP_VERSION: v.optional(v.pipe(v.string(), v.maxLength(64, "at most 64 characters")), "dev"),
  LOG_LEVEL: v.optional(
    v.picklist(["debug", "info", "warn", "error", "silent"], "debug, info, warn, error or silent"),
    "info",
  ),
  AWS_LAMBDA_RUNTIME_API: v.optional(v.string()),
  AWS_LAMBDA_MAX_CONCURRENCY: v.optional(v.string()),
  AWS_REGION: v.optional(v.string(), "us-east-1"),
  TABLE_NAME: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[A-Za-z0-9_.-]{3,255}$/, "3 to 255 letters, digits, `_`, `.`, `-`"),
    ),
    "k2-trades-dev",
  ),
  DYNAMODB_ENDPOINT: v.optional(httpUrl),
  TRADE_TTL_DAYS: wholeNumber(0, 36_500, 0),
  TRADE_SHARDS: v.optional(shardList, ""),
  RECENT_SHARDS: wholeNumber(1, 64, 4),
  PUSHGATEWAY_URL: v.optional(
    v.pipe(list(httpUrl), v.minLength(1, "one URL or several, separated by commas")),
    "http://127.0.0.1:9091",
  ),
  PUSHGATEWAY_USERNAME: v.optional(v.string()),
  PUSHGATEWAY_PASSWORD: v.optional(v.string()),
  PUSHGATEWAY_TOKEN: v.optional(v.string()),
  METRICS_PUSH_TIMEOUT_MS: wholeNumber(10, 60_000, 1_000),
  METRICS_MAX_LABEL_SETS: wholeNumber(1, 100_000, 200),
  METRICS_STRICT: flag,
  METRICS_STRATEGY: v.optional(v.picklist(["every", "adaptive"], "every or adaptive"), "every"),
  METRICS_FLUSH_INTERVAL_MS: wholeNumber(100, 600_000, 1_000),
  METRICS_RETIRE_AFTER_SECONDS: wholeNumber(10, 86_400, 1_800),
  METRICS_LEASE_SECONDS: wholeNumber(1, 86_400, 1_200),
  METRICS_RESEND_SECONDS: wholeNumber(1, 86_400, 180),
  METRICS_PERSISTENCE_SECONDS: wholeNumber(0, 86_400, 300),
  METRICS_MARGIN_SECONDS: wholeNumber(1, 86_400, 90),
  METRICS_SCRAPE_TOKEN: v.optional(v.pipe(v.string(), v.minLength(16, "at least 16 characters"))),
  CORS_ORIGINS: v.optional(
    list(
      v.pipe(
        v.string(),
        v.regex(/^(?:\*|https?:\/\/[^\s/?#@]+)$/, "`*` or origins such as https://app.example.com"),
      ),
    ),
    "",
  ),
  KAFKA_BROKERS: v.optional(
    list(v.pipe(v.string(), v.regex(/^[^:\s]+:\d{1,5}$/, "host:port, separated by commas"))),
    "",
  ),
  KAFKA_TRADES_TOPIC: topic("trades"),
  KAFKA_DEAD_LETTER_TOPIC: topic("trades-dead-letters"),
  KAFKA_CONSUMER_GROUP: v.optional(
    v.pipe(v.string(), v.minLength(1), v.maxLength(200, "at most 200 characters")),
    "k2-trades-dev",
  ),
  KAFKA_TLS: flag,
  KAFKA_TLS_CA: v.optional(
    v.pipe(v.string(), v.includes("-----BEGIN CERTIFICATE-----", "certificates in PEM")),
  ),
  KAFKA_SASL_MECHANISM: v.optional(
    v.picklist(SASL_MECHANISMS, SASL_MECHANISMS.join(", ").replace(/, (?=[^,]*$)/, " or ")),
  ),
  KAFKA_SASL_USERNAME: v.optional(v.string()),
  KAFKA_SASL_PASSWORD: v.optional(v.string()),
});

export type Config = ReturnType<typeof loadConfig>;

/**
 * Reads the configuration. Empty variables count as unset.
 * @param variables the environment; default: the process's own.
 * @throws {ServiceError} `INVALID_CONFIG`, naming each bad variable and what was expected; it never
 *   repeats a value, since some are secrets.
 */
export function loadConfig(variables: Readonly<Record<string, string | undefined>> = process.env) {
  const set = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ""),
  );
  const result = v.safeParse(Environment, set);
  if (!result.success)
    throw invalidConfig(
      result.issues.map((issue) => ({
        variable: v.getDotPath(issue) ?? "",
        expected: issue.message,
      })),
    );
  const env = result.output;
  return {
    service: env.SERVICE_NAME,
    stage: env.STAGE,
    version: env.APP_VERSION,
    logLevel: env.LOG_LEVEL,
    corsOrigins: env.CORS_ORIGINS,
    dynamodb: { region: env.AWS_REGION, endpoint: env.DYNAMODB_ENDPOINT, table: env.TABLE_NAME },
    trades: {
      ttlDays: env.TRADE_TTL_DAYS,
      shards: env.TRADE_SHARDS,
      recentShards: env.RECENT_SHARDS,
    },
    kafka: kafkaOf(env),
    metrics: {
      pushgateways: env.PUSHGATEWAY_URL,
      username: env.PUSHGATEWAY_USERNAME,
      password: env.PUSHGATEWAY_PASSWORD,
      token: env.PUSHGATEWAY_TOKEN,
      pushTimeoutMs: env.METRICS_PUSH_TIMEOUT_MS,
      maxLabelSets: env.METRICS_MAX_LABEL_SETS,
      isStrict: env.METRICS_STRICT,
      scrapeToken: env.METRICS_SCRAPE_TOKEN,
      strategy: env.METRICS_STRATEGY,
      flushIntervalMs: env.METRICS_FLUSH_INTERVAL_MS,
      windows: {
        retireAfterSeconds: env.METRICS_RETIRE_AFTER_SECONDS,
        leaseSeconds: env.METRICS_LEASE_SECONDS,
        resendSeconds: env.METRICS_RESEND_SECONDS,
        persistenceSeconds: env.METRICS_PERSISTENCE_SECONDS,
        marginSeconds: env.METRICS_MARGIN_SECONDS,
      },
    },
    lambda: {
      runtimeApi: env.AWS_LAMBDA_RUNTIME_API,
      isMultiConcurrent: env.AWS_LAMBDA_MAX_CONCURRENCY !== undefined,
    },
  };
}

/** Of variables that only make sense together, the one that is missing or in the way is named. */
function kafkaOf(env: v.InferOutput<typeof Environment>) {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_TLS_CA: ca } = env;
  const { KAFKA_SASL_USERNAME: username = "", KAFKA_SASL_PASSWORD: password = "" } = env;
  const hasSasl = mechanism !== undefined;
  const rules: [variable: string, isKept: boolean, expected: string][] = [
    [
      "KAFKA_SASL_USERNAME",
      !hasSasl || username !== "",
      "a user, since KAFKA_SASL_MECHANISM is set",
    ],
    [
      "KAFKA_SASL_PASSWORD",
      !hasSasl || password !== "",
      "a password, since KAFKA_SASL_MECHANISM is set",
    ],
    [
      "KAFKA_SASL_MECHANISM",
      hasSasl || (username === "" && password === ""),
      "a mechanism, since KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is set",
    ],
    [
      "KAFKA_TLS",
      mechanism !== "PLAIN" || env.KAFKA_TLS,
      '"true", since PLAIN sends the password as it is',
    ],
    ["KAFKA_TLS", ca === undefined || env.KAFKA_TLS, '"true", since KAFKA_TLS_CA is set'],
  ];
  const broken = rules.filter(([, isKept]) => !isKept);
  if (broken.length > 0)
    throw invalidConfig(broken.map(([variable, , expected]) => ({ variable, expected })));
  return {
    brokers: env.KAFKA_BROKERS,
    group: env.KAFKA_CONSUMER_GROUP,
    topics: { trades: env.KAFKA_TRADES_TOPIC, deadLetters: env.KAFKA_DEAD_LETTER_TOPIC },
    tls: env.KAFKA_TLS ? { ca } : undefined,
    sasl: mechanism === undefined ? undefined : { mechanism, username, password },
  };
}

function invalidConfig(
  refused: readonly { readonly variable: string; readonly expected: string }[],
): ServiceError {
  const faults = refused.map(({ variable, expected }) => ({
    pointer: `/${variable}`,
    detail: `expected ${expected}`,
  }));
  const text = faults.map((fault) => `${fault.pointer.slice(1)}: ${fault.detail}`).join("; ");
  return new ServiceError("INVALID_CONFIG", text, { faults });
}

function splitShards(part: string): [symbol: string, shards: number] {
  const [symbol = "", shards = "1"] = part.split("=");
  return [symbol, Number(shards)];
}
