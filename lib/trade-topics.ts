/**
 * The topics as the functions use them: one producer from the configuration, each send measured.
 */

import type { Config } from "./config/service-config.ts";
import { ServiceError } from "./errors.ts";
import type { Zeros } from "./measured.ts";
import type { MetricsClient } from "./metrics/record/metrics-client.ts";
import { openKafkaProducer } from "./trades/kafka-producer.ts";
import { SEND_FAILURES, type TopicProducer, type Unanswered } from "./trades/topic-producer.ts";
import type { TopicRecord } from "./trades/topic-record.ts";

export interface TradeTopics {
  /**
   * Produces all records, or throws; then some may be in the topic all the same.
   * @throws {ServiceError} `UNAVAILABLE` with `retryAfterSeconds`, also where no broker is configured.
   */
  send(
    topic: string,
    records: readonly TopicRecord[],
    options: { readonly timeoutMs: number },
  ): Promise<void>;
}

const RETRY_AFTER_SECONDS = 5;

/**
 * Gives each invocation topics that record in its own metrics; the producer is one for all. Nothing is
 * loaded or connected before the first send.
 */
export function openTradeTopics(config: Config): (metrics: MetricsClient) => TradeTopics {
  const { brokers, tls, sasl } = config.kafka;
  const producer =
    brokers.length === 0
      ? undefined
      : openKafkaProducer({ clientId: config.service, brokers, tls, sasl });
  return (metrics) => ({
    send: async (topic, records, { timeoutMs }) => {
      if (producer === undefined) throw unavailable("Kafka is not configured here.");
      await sendMeasured(producer, { topic, records, timeoutMs, metrics });
    },
  });
}

/** What a function that sends to these topics counts from 0. */
export function producingZeros(...topics: readonly string[]): Zeros {
  const operation = "produce";
  return {
    kafka_messages_produced_total: topics.map((topic) => ({ topic })),
    kafka_messages_unanswered_total: topics.map((topic) => ({ topic })),
    kafka_messages_settled_total: topics.map((topic) => ({ topic })),
    kafka_errors_total: topics.flatMap((topic) =>
      SEND_FAILURES.map((reason) => ({ topic, operation, reason })),
    ),
    kafka_produce_duration_seconds: topics.map((topic) => ({ topic })),
    kafka_batch_size: topics.map((topic) => ({ topic, operation })),
  };
}

interface Sending {
  readonly topic: string;
  readonly records: readonly TopicRecord[];
  readonly timeoutMs: number;
  readonly metrics: MetricsClient;
}

async function sendMeasured(producer: TopicProducer, sending: Sending): Promise<void> {
  const { topic, records, timeoutMs, metrics } = sending;
  const stop = metrics.timer("kafka_produce_duration_seconds", { topic });
  const { acknowledged, failure, unanswered } = await producer.send(topic, records, { timeoutMs });
  stop();
  metrics.histogram("kafka_batch_size", records.length, { topic, operation: "produce" });
  metrics.increment("kafka_messages_produced_total", acknowledged, { topic });
  if (unanswered !== undefined) followUnanswered(unanswered, { topic, metrics });
  if (failure === undefined) return;
  const { reason, cause } = failure;
  metrics.increment("kafka_errors_total", 1, { topic, operation: "produce", reason });
  throw unavailable("Kafka did not take all of it.", cause);
}

/** What is unanswered counts as produced when it turns out to be, be it after the invocation. */
function followUnanswered(
  { count, settled }: Unanswered,
  { topic, metrics }: Pick<Sending, "topic" | "metrics">,
): void {
  metrics.increment("kafka_messages_unanswered_total", count, { topic });
  void settled.then(({ acknowledged, uncertain }) => {
    metrics.afterwards.increment("kafka_messages_produced_total", acknowledged, { topic });
    metrics.afterwards.increment("kafka_messages_settled_total", count - uncertain, { topic });
  });
}

function unavailable(detail: string, cause?: unknown): ServiceError {
  return new ServiceError("UNAVAILABLE", detail, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    ...(cause === undefined ? {} : { cause }),
  });
}
