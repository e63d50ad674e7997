/**
 * The trades topic as `consume-trades` takes it in: a batch of records dealt with, and counted.
 */

import type { Config } from "./config/service-config.ts";
import type { Log } from "./log.ts";
import type { Zeros } from "./measured.ts";
import type { MetricsClient } from "./metrics/record/metrics-client.ts";
import { openTable } from "./trade-queries.ts";
import { openTradeTopics, producingZeros } from "./trade-topics.ts";
import {
  consumeBatch,
  type ConsumedBatch,
  type ConsumedRecord,
  RETRY_REASONS,
} from "./trades/consume-batch.ts";
import { POISON_REASONS } from "./trades/decode-trade.ts";
import { type KafkaBatchResponse, type KafkaEvent, recordsOf } from "./trades/kafka-event.ts";
import type { TradeStore } from "./trades/trade-store.ts";

export interface ConsumeContext {
  readonly metrics: MetricsClient;
  readonly log: Log;
  /** What is left of the invocation's time. */
  readonly remainingTimeMs: number;
}

export type TradeConsumer = (
  event: KafkaEvent,
  context: ConsumeContext,
) => Promise<KafkaBatchResponse>;

/** Left for the answer and the metrics: so much, or a fifth where there is little time at all. */
const RESERVE_MS = 2_000;
/** Share of the time for work after which nothing new is begun; a commit can take seconds. */
const WORKING_SHARE = 0.8;

const OPERATION = "consume";

/** Opens the configured table and topics; once, in the init phase. Nothing is sent before a batch. */
export function openTradeConsumer(config: Config): TradeConsumer {
  const store = openTable(config);
  const topicsOf = openTradeTopics(config);
  const { deadLetters } = config.kafka.topics;
  const counted: NextOffsets = new Map();
  return async (event, { metrics, log, remainingTimeMs }) => {
    const limitMs = remainingTimeMs - Math.min(RESERVE_MS, remainingTimeMs / 5);
    const batch = await consumeBatch(event, {
      store: measuredStore(store, metrics, config.dynamodb.table),
      sendDeadLetters: (records, options) => topicsOf(metrics).send(deadLetters, records, options),
      workMs: limitMs * WORKING_SHARE,
      limitMs,
      now: Date.now() * 1_000,
    });
    recordBatch(metrics, event, { ...batch, released: notYetCounted(batch.released, counted) });
    report(log, batch);
    return batch.response;
  };
}

/** What a consumer of the configured topics counts from 0. */
export function consumingZeros(config: Config): Zeros {
  const { trades: topic, deadLetters } = config.kafka.topics;
  const producing = producingZeros(deadLetters);
  return {
    ...producing,
    kafka_messages_consumed_total: [{ topic }],
    kafka_dead_letters_total: POISON_REASONS.map((reason) => ({ topic, reason })),
    kafka_errors_total: [
      ...(producing["kafka_errors_total"] ?? []),
      ...RETRY_REASONS.map((reason) => ({ topic, operation: OPERATION, reason })),
    ],
    kafka_batch_size: [...(producing["kafka_batch_size"] ?? []), { topic, operation: OPERATION }],
    kafka_consumer_lag_seconds: [{ topic }],
    trade_storage_lag_seconds: [{ topic }],
  };
}

function measuredStore(
  store: TradeStore,
  metrics: MetricsClient,
  table: string,
): Pick<TradeStore, "recordTrades"> {
  const operation = "record_trades";
  return {
    recordTrades: async (trades, watch) => {
      const labels = { engine: "dynamodb", query_type: operation };
      const stop = metrics.timer("query_duration_milliseconds", labels);
      try {
        const recorded = await store.recordTrades(trades, watch);
        const { capacityUnits } = recorded;
        metrics.increment("dynamodb_consumed_capacity_units_total", capacityUnits, {
          table,
          operation,
        });
        return recorded;
      } finally {
        stop();
      }
    },
  };
}

/** Of each partition, the offset after the last that this environment has counted. */
type NextOffsets = Map<string, number>;

/** Kafka delivers again what it did not hear was done: that has been counted. */
function notYetCounted(released: readonly ConsumedRecord[], counted: NextOffsets) {
  const before = new Map(counted);
  for (const {
    record: { source, offset },
  } of released)
    counted.set(source, Math.max(counted.get(source) ?? 0, offset + 1));
  return released.filter(({ record: { source, offset } }) => offset >= (before.get(source) ?? 0));
}

/**
 * A record counts as consumed when its offset is let go, and not when it is asked for again: so each
 * counts once however often it is delivered, and the total is what the group's offsets have moved.
 */
function recordBatch(metrics: MetricsClient, event: KafkaEvent, batch: ConsumedBatch): void {
  const operation = OPERATION;
  for (const [topic, records] of Map.groupBy(recordsOf(event), (record) => record.topic))
    metrics.histogram("kafka_batch_size", records.length, { topic, operation });
  for (const { record, reason } of batch.retries)
    metrics.increment("kafka_errors_total", 1, { topic: record.topic, operation, reason });
  for (const [topic, released] of Map.groupBy(batch.released, ({ record }) => record.topic))
    recordConsumed(metrics, topic, released);
}

function recordConsumed(
  metrics: MetricsClient,
  topic: string,
  released: readonly ConsumedRecord[],
): void {
  const nowMs = Date.now();
  const secondsSince = (ms: number) => Math.max(0, nowMs - ms) / 1_000;
  metrics.increment("kafka_messages_consumed_total", released.length, { topic });
  for (const { record, trade, poison } of released) {
    metrics.histogram("kafka_consumer_lag_seconds", secondsSince(record.timestamp), { topic });
    if (poison !== undefined)
      metrics.increment("kafka_dead_letters_total", 1, { topic, reason: poison.reason });
    else if (trade !== undefined) {
      const lag = secondsSince(Date.parse(trade.timestamp));
      metrics.histogram("trade_storage_lag_seconds", lag, { topic });
    }
  }
}

function report(log: Log, { released, retries, causes }: ConsumedBatch): void {
  const deadLetters = released
    .filter(({ poison }) => poison !== undefined)
    .map(({ record: { source, offset }, poison }) => ({ source, offset, ...poison }));
  if (deadLetters.length > 0)
    log.warn("records became dead letters", {
      count: deadLetters.length,
      first: deadLetters.slice(0, MAX_LOGGED),
    });
  for (const { record, reason } of retries)
    log.error("records are asked for again", {
      source: record.source,
      from: record.offset,
      reason,
    });
  for (const error of causes.slice(0, MAX_LOGGED))
    log.error("records could not be dealt with", { error });
}

/** Most single records in a log line. */
const MAX_LOGGED = 10;
