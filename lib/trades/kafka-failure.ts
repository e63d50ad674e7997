/**
 * Why Kafka did not acknowledge: the client's errors, nested in each other, in the service's words.
 */

import type { SendFailureReason } from "./topic-producer.ts";

/** Nothing can have been sent: no connection came about. */
const NEVER_CONNECTED = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** Answers of a broker (Kafka's own names of them) that have a reason of their own. */
const REASONS: Readonly<Record<string, SendFailureReason>> = {
  UNKNOWN_TOPIC_OR_PARTITION: "unknown_topic",
  MESSAGE_TOO_LARGE: "too_large",
  RECORD_LIST_TOO_LARGE: "too_large",
  TOPIC_AUTHORIZATION_FAILED: "unauthorized",
  CLUSTER_AUTHORIZATION_FAILED: "unauthorized",
  SASL_AUTHENTICATION_FAILED: "unauthorized",
  UNSUPPORTED_SASL_MECHANISM: "unauthorized",
  REQUEST_TIMED_OUT: "unanswered",
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: "unanswered",
};

/** Deepest an error is looked into. */
const MAX_DEPTH = 8;

interface ErrorPart {
  readonly code?: unknown;
  /** Kafka's own name of an error that a broker answered. */
  readonly apiId?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  /** Of a leader that is not known at the moment. */
  readonly hasStaleMetadata?: unknown;
}

/** The reason behind an error of the client; the most telling of those it holds. */
export function reasonOf(error: unknown): SendFailureReason {
  const parts = [...partsOf(error)];
  const answered = parts.filter(({ apiId }) => typeof apiId === "string");
  const known = answered.map(({ apiId }) => REASONS[String(apiId)]);
  const told = known.find((reason) => reason !== undefined);
  if (told !== undefined) return told;
  if (answered.length > 0) return "refused";
  if (parts.some(({ code }) => code === "PLT_KFK_AUTHENTICATION")) return "unauthorized";
  if (parts.some((part) => isUnknownTopic(part))) return "unknown_topic";
  if (parts.some(({ code }) => code === "PLT_KFK_NETWORK" || code === "ETIMEDOUT")) {
    const ends = parts.filter(({ cause, errors }) => cause === undefined && errors === undefined);
    const isSure = ends.every(
      ({ code, hasStaleMetadata }) =>
        NEVER_CONNECTED.has(String(code)) || hasStaleMetadata === true,
    );
    return isSure ? "unreachable" : "unanswered";
  }
  return "client";
}

/** The error, its causes and its parts, each with theirs. */
function* partsOf(error: unknown, depth = 0): Generator<ErrorPart> {
  if (typeof error !== "object" || error === null || depth > MAX_DEPTH) return;
  const part = error as ErrorPart;
  yield part;
  if (part.cause !== undefined) yield* partsOf(part.cause, depth + 1);
  if (!Array.isArray(part.errors)) return;
  for (const one of part.errors) yield* partsOf(one, depth + 1);
}

/** The client looks topics up beforehand and has no code for one that is not there. */
function isUnknownTopic({ code, message }: ErrorPart): boolean {
  return code === "PLT_KFK_USER" && String(message).startsWith("Unknown topic");
}
