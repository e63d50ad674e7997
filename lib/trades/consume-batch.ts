/**
 * Deals with a batch of records of the trades topic: each ends up stored, or as a dead letter, or is
 * asked for again. What is asked for again may have been dealt with: a trade is stored once however
 * often it comes, in whatever order, and a dead letter says which record it is.
 */

import { ServiceError } from "../errors.ts";
import { encodeDeadLetter } from "./dead-letter.ts";
import { decodeTrade, type Poison } from "./decode-trade.ts";
import {
  type KafkaBatchResponse,
  type KafkaEvent,
  type ReceivedRecord,
  recordsOf,
} from "./kafka-event.ts";
import type { TopicRecord } from "./topic-record.ts";
import type { TradeStore } from "./trade-store.ts";
import type { Trade } from "./trade.ts";

export interface ConsumeOptions {
  readonly store: Pick<TradeStore, "recordTrades">;
  /** Resolves when the broker has all of them; what it rejects with is only logged. */
  readonly sendDeadLetters: (
    records: readonly TopicRecord[],
    options: { readonly timeoutMs: number },
  ) => Promise<void>;
  /** Time after which nothing new is begun. */
  readonly workMs: number;
  /** Time after which it answers, whatever hangs; longer than `workMs`. */
  readonly limitMs: number;
  /** Microseconds since the epoch. */
  readonly now: number;
}

/**
 * Why a record is asked for again: DynamoDB refused for load, or failed; the time was over before its
 * turn; it is poison and could not be made a dead letter.
 */
export const RETRY_REASONS = ["throttled", "unavailable", "deadline", "dead_letter"] as const;

export type RetryReason = (typeof RETRY_REASONS)[number];

export interface ConsumedRecord {
  readonly record: ReceivedRecord;
  /** The trade it holds; undefined when it holds none. */
  readonly trade: Trade | undefined;
  /** Why it is a dead letter; undefined when it is stored, now or before. */
  readonly poison: Poison | undefined;
}

export interface Retry {
  readonly record: ReceivedRecord;
  readonly reason: RetryReason;
}

export interface ConsumedBatch {
  readonly response: KafkaBatchResponse;
  /** Records that are done with and, all before them in their partition being so, will not come again. */
  readonly released: readonly ConsumedRecord[];
  /** The first record of each partition that is asked for again. */
  readonly retries: readonly Retry[];
  /** What kept records from being dealt with, each once; for the log only. */
  readonly causes: readonly unknown[];
}

interface Entry {
  readonly record: ReceivedRecord;
  readonly trade: Trade | undefined;
  poison: Poison | undefined;
  /** Undefined: done with. */
  retry: RetryReason | undefined;
}

/**
 * Deals with a batch.
 * @throws {TypeError} when the event is no batch of Kafka records.
 */
export async function consumeBatch(
  event: KafkaEvent,
  options: ConsumeOptions,
): Promise<ConsumedBatch> {
  const workEndsAt = performance.now() + options.workMs;
  const entries = recordsOf(event).map((record) => toEntry(record, options.now));
  const causes: unknown[] = [];
  const stop = new AbortController();
  const late = Promise.withResolvers<void>();
  const timers = [
    setTimeout(() => stop.abort(), options.workMs),
    setTimeout(() => late.resolve(), options.limitMs),
  ];
  await Promise.race([
    dealWith(entries, { ...options, workEndsAt, causes, signal: stop.signal }),
    late.promise,
  ]);
  for (const timer of timers) clearTimeout(timer);
  // Whatever hangs ends when it can; it changes nothing that is answered here.
  stop.abort();
  return answerOf(entries, [...causes]);
}

interface Work extends ConsumeOptions {
  readonly workEndsAt: number;
  /** Aborted when nothing new is to be begun. */
  readonly signal: AbortSignal;
  readonly causes: unknown[];
}

function toEntry(record: ReceivedRecord, now: number): Entry {
  const { trade, poison } = decodeTrade(record, now);
  return { record, trade, poison, retry: "deadline" };
}

/** Contradictions only show when trades are stored, so their dead letters follow. */
async function dealWith(entries: readonly Entry[], work: Work): Promise<void> {
  const poisonous = entries.filter(({ poison }) => poison !== undefined);
  const [conflicting] = await Promise.all([
    storeTrades(entries, work),
    sendDeadLetters(poisonous, work),
  ]);
  await sendDeadLetters(conflicting, work);
}

/** @returns those whose trades contradict what is stored. */
async function storeTrades(entries: readonly Entry[], work: Work): Promise<readonly Entry[]> {
  const waiting = new Map<Trade, Entry>();
  for (const entry of entries) if (entry.trade !== undefined) waiting.set(entry.trade, entry);
  const conflicting: Entry[] = [];
  if (waiting.size === 0) return conflicting;
  try {
    await work.store.recordTrades([...waiting.keys()], {
      signal: work.signal,
      onSettled: (trades, { conflicts }) => {
        for (const { trade, fields } of conflicts) {
          const entry = waiting.get(trade);
          waiting.delete(trade);
          if (entry !== undefined) conflicting.push(toConflict(entry, fields));
        }
        for (const trade of trades) settle(waiting, trade);
      },
    });
  } catch (error) {
    const reason = work.signal.aborted ? "deadline" : reasonOf(error);
    for (const entry of waiting.values()) entry.retry = reason;
    work.causes.push(error);
  }
  return conflicting;
}

function settle(waiting: Map<Trade, Entry>, trade: Trade): void {
  const entry = waiting.get(trade);
  waiting.delete(trade);
  if (entry !== undefined) entry.retry = undefined;
}

function toConflict(entry: Entry, fields: readonly string[]): Entry {
  entry.poison = {
    reason: "conflict",
    detail: `another trade is recorded under this identity; it differs in ${fields.join(", ")}`,
  };
  return entry;
}

/** All or none: which of them arrived when some did not is nobody's knowledge. */
async function sendDeadLetters(entries: readonly Entry[], work: Work): Promise<void> {
  if (entries.length === 0) return;
  const timeoutMs = work.workEndsAt - performance.now();
  if (timeoutMs <= 0) return;
  try {
    const letters = entries.flatMap(({ record, poison }) =>
      poison === undefined ? [] : [encodeDeadLetter(record, poison)],
    );
    await work.sendDeadLetters(letters, { timeoutMs });
    for (const entry of entries) entry.retry = undefined;
  } catch (error) {
    for (const entry of entries) entry.retry = "dead_letter";
    work.causes.push(error);
  }
}

function reasonOf(error: unknown): RetryReason {
  return error instanceof ServiceError && error.code === "THROTTLED" ? "throttled" : "unavailable";
}

/** Of each partition everything from the first record on that is not done with comes again. */
function answerOf(entries: readonly Entry[], causes: readonly unknown[]): ConsumedBatch {
  const retries = new Map<string, Retry>();
  const released: ConsumedRecord[] = [];
  for (const { record, trade, poison, retry } of entries) {
    if (retries.has(record.source)) continue;
    if (retry === undefined) released.push({ record, trade, poison });
    else retries.set(record.source, { record, reason: retry });
  }
  return {
    response: {
      batchItemFailures: [...retries.values()].map(({ record: { source, offset } }) => ({
        itemIdentifier: { partition: source, offset },
      })),
    },
    released,
    retries: [...retries.values()],
    causes,
  };
}
