/**
 * What produces records to topics, whatever is behind it.
 */

import type { TopicRecord } from "./topic-record.ts";

export interface TopicProducer {
  /**
   * Produces records and waits until every in-sync replica has them. Never rejects; what was not
   * acknowledged may be in the topic all the same, so whoever produces it again must be read by
   * someone who knows a trade when it comes twice.
   * @param topic exists already.
   */
  send(
    topic: string,
    records: readonly TopicRecord[],
    options: { readonly timeoutMs: number },
  ): Promise<Delivery>;
  /** Ends the connections. Nothing is sent after it. */
  close(): Promise<void>;
}

/** What became of records that were sent. */
export interface Delivery {
  /** How many of them the broker acknowledged; all, unless there is a `failure`. */
  readonly acknowledged: number;
  readonly failure?: SendFailure;
}

export interface SendFailure {
  readonly reason: SendFailureReason;
  /** For the log only. */
  readonly cause: unknown;
}

/**
 * Why records were not acknowledged: no broker took a connection; none answered in time, so they may
 * be in the topic; the broker knows us not, or not the topic; a record is larger than it takes; it
 * refused them for another reason, such as too few replicas; the client itself failed.
 */
export const SEND_FAILURES = [
  "unreachable",
  "unanswered",
  "unauthorized",
  "unknown_topic",
  "too_large",
  "refused",
  "client",
] as const;

export type SendFailureReason = (typeof SEND_FAILURES)[number];
