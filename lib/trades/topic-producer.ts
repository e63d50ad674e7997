/**
 * What produces records to topics, whatever is behind it.
 */

import type { TopicRecord } from "./topic-record.ts";

export interface TopicProducer {
  /**
   * Produces records and waits until every in-sync replica has them. Never rejects. One send at a
   * time: where the brokers have not answered one, the next waits for it.
   * @param topic exists already.
   */
  send(
    topic: string,
    records: readonly TopicRecord[],
    options: { readonly timeoutMs: number },
  ): Promise<Delivery>;
  /** Ends the connections. Nothing is sent after it, and what is unanswered stays so. */
  close(): Promise<void>;
}

/** What became of records that were sent. */
export interface Delivery {
  /** How many of them the broker acknowledged; all, unless there is a `failure`. */
  readonly acknowledged: number;
  readonly failure?: SendFailure;
  /** Those that may be in the topic, or may yet get there. */
  readonly unanswered?: Unanswered;
}

/** Records whose acknowledgement nobody waits for any more; they are sent on until it comes. */
export interface Unanswered {
  readonly count: number;
  /** Never rejects. Its two numbers add up to no more than `count`; the rest is not in the topic. */
  readonly settled: Promise<Settlement>;
}

/** What became of unanswered records. */
export interface Settlement {
  /** How many of them the broker acknowledged after all. */
  readonly acknowledged: number;
  /** Those that may be in the topic for ever: it was never said. */
  readonly uncertain: number;
}

export interface SendFailure {
  readonly reason: SendFailureReason;
  /** For the log only. */
  readonly cause: unknown;
}

/**
 * Why records were not acknowledged: no broker took a connection; none answered in time; an earlier
 * send is unanswered yet, so these were not sent; the broker knows us not, or not the topic; a record
 * is larger than it takes; it refused them for another reason, such as too few replicas; the client
 * itself failed.
 */
export const SEND_FAILURES = [
  "unreachable",
  "unanswered",
  "waiting",
  "unauthorized",
  "unknown_topic",
  "too_large",
  "refused",
  "client",
] as const;

export type SendFailureReason = (typeof SEND_FAILURES)[number];
