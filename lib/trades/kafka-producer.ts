/**
 * Produces to Kafka: idempotent, acknowledged by every in-sync replica, within a time. The client is
 * loaded and connected when it is first needed, then kept. What nobody answered in its time stays its
 * last word until it is answered, and nothing overtakes it; after any other failure the client is
 * thrown away, so that nothing of a frozen environment or a broker's restart outlives the next send.
 */

import { type KafkaClient, openKafkaClient } from "./kafka-client.ts";
import type { KafkaOptions } from "./kafka-connection.ts";
import type { Delivery, SendFailure, SendFailureReason, TopicProducer } from "./topic-producer.ts";
import type { TopicRecord } from "./topic-record.ts";

/** A broker closes what is idle for ten minutes; what stands before it may do so sooner, and silently. */
const MAX_IDLE_MS = 180_000;
/** A broker takes a batch of 1 MiB by default; this leaves room for its framing. */
const MAX_SEND_BYTES = 512 * 1_024;
/** What Kafka adds to a record, at most. */
const RECORD_OVERHEAD_BYTES = 64;

/** Opens a producer; nothing is loaded, connected or sent before the first send. */
export function openKafkaProducer(options: KafkaOptions): TopicProducer {
  let current: KafkaClient | undefined;
  let isClosed = false;
  /** Resolves when all that was sent so far is settled. */
  let turn: Promise<unknown> = Promise.resolve();

  const discard = () => {
    current?.end();
    current = undefined;
  };
  const take = (): KafkaClient => {
    if (current !== undefined && (!current.isGood() || current.idleMs() > MAX_IDLE_MS)) discard();
    return (current ??= openKafkaClient(options));
  };
  const sendPieces = async (
    topic: string,
    records: readonly TopicRecord[],
    deadlineMs: number,
  ): Promise<Delivery> => {
    let acknowledged = 0;
    for (const piece of inPieces(records)) {
      if (isClosed) return { acknowledged, failure: failed("client", "the producer is closed") };
      const delivery = await take().send(topic, piece, deadlineMs - performance.now());
      acknowledged += delivery.acknowledged;
      if (delivery.failure !== undefined) return { ...delivery, acknowledged };
    }
    return { acknowledged };
  };

  return {
    send: async (topic, records, { timeoutMs }) => {
      const deadlineMs = performance.now() + timeoutMs;
      const before = turn;
      const done = Promise.withResolvers<unknown>();
      turn = done.promise;
      if (!(await isOverWithin(before, timeoutMs))) {
        done.resolve(before);
        const failure = failed("waiting", `an earlier send is unanswered after ${timeoutMs} ms`);
        return { acknowledged: 0, failure };
      }
      const delivery = await sendPieces(topic, records, deadlineMs);
      done.resolve(delivery.unanswered?.settled);
      return delivery;
    },
    close: async () => {
      isClosed = true;
      discard();
    },
  };
}

function failed(reason: SendFailureReason, message: string): SendFailure {
  return { reason, cause: new Error(message) };
}

async function isOverWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Cut so that each piece fits into a batch, even if all of it goes to one partition. */
function* inPieces(records: readonly TopicRecord[]): Generator<readonly TopicRecord[]> {
  let piece: TopicRecord[] = [];
  let pieceBytes = 0;
  for (const record of records) {
    const bytes = sizeOf(record);
    if (piece.length > 0 && pieceBytes + bytes > MAX_SEND_BYTES) {
      yield piece;
      [piece, pieceBytes] = [[], 0];
    }
    piece.push(record);
    pieceBytes += bytes;
  }
  if (piece.length > 0) yield piece;
}

function sizeOf({ key, value, headers }: TopicRecord): number {
  const texts = [key ?? "", ...Object.entries(headers).flat()];
  const textBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return textBytes + (value?.byteLength ?? 0) + RECORD_OVERHEAD_BYTES;
}
