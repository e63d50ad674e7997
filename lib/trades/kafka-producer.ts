/**
 * Produces to Kafka: idempotent, acknowledged by every in-sync replica, within a time. The client is
 * loaded and connected when it is first needed, then kept; after any failure it is thrown away, so
 * that nothing of a frozen environment or a broker's restart outlives the next send.
 */

import { type KafkaClient, openKafkaClient } from "./kafka-client.ts";
import type { KafkaOptions } from "./kafka-connection.ts";
import type { TopicProducer } from "./topic-producer.ts";
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

  const discard = (client: KafkaClient) => {
    if (current === client) current = undefined;
    client.retire();
  };
  const take = (): KafkaClient => {
    if (current !== undefined && current.idleMs() > MAX_IDLE_MS) discard(current);
    current ??= openKafkaClient(options);
    return current;
  };

  return {
    send: async (topic, records, { timeoutMs }) => {
      const deadlineMs = performance.now() + timeoutMs;
      let acknowledged = 0;
      for (const piece of inPieces(records)) {
        if (isClosed) {
          const cause = new Error("the producer is closed");
          return { acknowledged, failure: { reason: "client", cause } };
        }
        const client = take();
        const delivery = await client.send(topic, piece, deadlineMs - performance.now());
        acknowledged += delivery.acknowledged;
        if (delivery.failure === undefined) continue;
        discard(client);
        return { acknowledged, failure: delivery.failure };
      }
      return { acknowledged };
    },
    close: async () => {
      isClosed = true;
      if (current !== undefined) discard(current);
    },
  };
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
