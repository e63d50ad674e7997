/** Events as Lambda's event source mapping for Kafka hands them over. */

import type { KafkaEvent, KafkaEventRecord } from "../../../lib/trades/kafka-event.ts";
import { encodeTrade, type TopicRecord } from "../../../lib/trades/topic-record.ts";
import type { Trade } from "../../../lib/trades/trade.ts";

export interface PlacedRecord extends TopicRecord {
  readonly partition?: number;
  /** Milliseconds since the epoch. */
  readonly timestamp?: number;
}

/** A record of the topic that holds the trade, as publish-trades produces it. */
export function recordOf(trade: Trade): TopicRecord {
  return encodeTrade(trade, { correlationId: "test" });
}

/** A record with this text as its value. */
export function textRecord(value: string, headers: TopicRecord["headers"] = {}): TopicRecord {
  return { key: "BTCUSDT", value: Buffer.from(value), headers };
}

/**
 * A batch of the topic; each partition's offsets follow each other.
 * @param startOffset of every partition. Default 0.
 */
export function kafkaEvent(
  records: readonly PlacedRecord[],
  { topic = "trades", startOffset = 0 }: { topic?: string; startOffset?: number } = {},
): KafkaEvent {
  const byPartition = new Map<string, KafkaEventRecord[]>();
  for (const { partition = 0, timestamp = 1_700_000_000_000, ...record } of records) {
    const source = `${topic}-${partition}`;
    const ofPartition = byPartition.get(source) ?? [];
    byPartition.set(source, ofPartition);
    ofPartition.push({
      topic,
      partition,
      offset: startOffset + ofPartition.length,
      timestamp,
      timestampType: "CREATE_TIME",
      ...(record.key === null ? {} : { key: Buffer.from(record.key).toString("base64") }),
      ...(record.value === null ? {} : { value: Buffer.from(record.value).toString("base64") }),
      headers: Object.entries(record.headers).map(([name, value]) => ({
        [name]: [...Buffer.from(value)],
      })),
    });
  }
  return { eventSource: "SelfManagedKafka", records: Object.fromEntries(byPartition) };
}
