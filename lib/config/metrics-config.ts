/**
 * Where metrics are pushed, how often, and the times of the protocol: all that a measured function
 * needs, this service's or another's.
 */

import * as v from "valibot";
import { refuseWindows, type Windows } from "../metrics/retire/ledger.ts";
import { type BrokenRule, rules } from "./rules.ts";
import { flag, httpUrl, list, matching, oneOf, wholeNumber } from "./values.ts";

const pushgateway = v.pipe(
  httpUrl,
  v.check((text) => !/[?#]/.test(text), "a URL without `?` and `#`"),
  v.check((text) => isDecodable(text), "percent-encoded credentials in the URL"),
);

const variables = v.object({
  PUSHGATEWAY_URL: v.optional(
    v.pipe(list(pushgateway), v.minLength(1, "one URL or several, separated by commas")),
    "http://127.0.0.1:9091",
  ),
  PUSHGATEWAY_USERNAME: v.optional(v.string()),
  PUSHGATEWAY_PASSWORD: v.optional(v.string()),
  PUSHGATEWAY_TOKEN: v.optional(matching(/^[\x21-\x7e]+$/, "visible ASCII characters")),
  METRICS_DISABLED: flag,
  METRICS_PUSH_TIMEOUT_MS: wholeNumber(10, 60_000, 1_000),
  METRICS_MAX_LABEL_SETS: wholeNumber(1, 100_000, 200),
  METRICS_STRICT: flag,
  METRICS_STRATEGY: v.optional(oneOf("every", "adaptive"), "every"),
  METRICS_FLUSH_INTERVAL_MS: wholeNumber(100, 600_000, 1_000),
  METRICS_RETIRE_AFTER_SECONDS: wholeNumber(10, 86_400, 1_800),
  METRICS_LEASE_SECONDS: wholeNumber(1, 86_400, 1_200),
  METRICS_RESEND_SECONDS: wholeNumber(1, 86_400, 180),
  METRICS_PERSISTENCE_SECONDS: wholeNumber(0, 86_400, 300),
  METRICS_MARGIN_SECONDS: wholeNumber(1, 86_400, 90),
});

type Variables = v.InferOutput<typeof variables>;

export const metricsConfig = v.pipe(
  variables,
  rules(brokenRules),
  v.transform((env) => ({
    pushgateways: env.PUSHGATEWAY_URL,
    username: env.PUSHGATEWAY_USERNAME,
    password: env.PUSHGATEWAY_PASSWORD,
    token: env.PUSHGATEWAY_TOKEN,
    isDisabled: env.METRICS_DISABLED,
    pushTimeoutMs: env.METRICS_PUSH_TIMEOUT_MS,
    maxLabelSets: env.METRICS_MAX_LABEL_SETS,
    isStrict: env.METRICS_STRICT,
    strategy: env.METRICS_STRATEGY,
    flushIntervalMs: env.METRICS_FLUSH_INTERVAL_MS,
    windows: windowsOf(env),
  })),
);

/** Whatever the times are, no live environment may ever be folded; and one way in is enough. */
function brokenRules(env: Variables): BrokenRule<keyof Variables>[] {
  const broken: BrokenRule<keyof Variables>[] = [];
  const problem = refuseWindows(windowsOf(env));
  if (problem !== undefined)
    broken.push({ variable: "METRICS_RETIRE_AFTER_SECONDS", expected: `${problem}; see ${PARTS}` });
  if (env.METRICS_PUSH_TIMEOUT_MS > env.METRICS_MARGIN_SECONDS * 1_000)
    broken.push({
      variable: "METRICS_MARGIN_SECONDS",
      expected: `no less than METRICS_PUSH_TIMEOUT_MS (${env.METRICS_PUSH_TIMEOUT_MS} ms), since a push may be applied that late`,
    });
  if (env.PUSHGATEWAY_TOKEN !== undefined && hasUser(env))
    broken.push({
      variable: "PUSHGATEWAY_TOKEN",
      expected: "a token or a user name and password, not both",
    });
  if (env.PUSHGATEWAY_URL.length > 1 && env.PUSHGATEWAY_URL.some(hasCredentials))
    broken.push({
      variable: "PUSHGATEWAY_URL",
      expected:
        "no credentials in a list of several: the ledger names each without, and has to reach one that has left the list; PUSHGATEWAY_USERNAME and PUSHGATEWAY_PASSWORD are for all",
    });
  return broken;
}

const PARTS = [
  "METRICS_LEASE_SECONDS",
  "METRICS_RESEND_SECONDS",
  "METRICS_PERSISTENCE_SECONDS",
  "METRICS_MARGIN_SECONDS",
].join(", ");

function windowsOf(env: Variables): Windows {
  return {
    retireAfterSeconds: env.METRICS_RETIRE_AFTER_SECONDS,
    leaseSeconds: env.METRICS_LEASE_SECONDS,
    resendSeconds: env.METRICS_RESEND_SECONDS,
    persistenceSeconds: env.METRICS_PERSISTENCE_SECONDS,
    marginSeconds: env.METRICS_MARGIN_SECONDS,
  };
}

function hasUser(env: Variables): boolean {
  const { PUSHGATEWAY_USERNAME: username, PUSHGATEWAY_PASSWORD: password } = env;
  if (username !== undefined || password !== undefined) return true;
  return env.PUSHGATEWAY_URL.some(hasCredentials);
}

function hasCredentials(url: string): boolean {
  const inUrl = URL.parse(url);
  return inUrl !== null && inUrl.username + inUrl.password !== "";
}

function isDecodable(text: string): boolean {
  const url = URL.parse(text);
  try {
    // Each by itself: half a character at the end of one is not mended by the other.
    return [url?.username, url?.password].every(
      (part = "") => decodeURIComponent(part) !== undefined,
    );
  } catch {
    return false;
  }
}
