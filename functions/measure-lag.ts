/**
 * Every minute: how many records the consumer group has still to deal with.
 */

import { scheduledFunction } from "../lib/scheduled-function.ts";
import { config } from "../lib/service.ts";
import { measureLag } from "../lib/trades/consumer-lag.ts";
import { reasonOf } from "../lib/trades/kafka-failure.ts";
import { SEND_FAILURES } from "../lib/trades/topic-producer.ts";

const { topics, group, ...connection } = config.kafka;
const topic = topics.trades;
const operation = "measure_lag";

export const handler = await scheduledFunction(
  "measure-lag",
  async ({ metrics, log }) => {
    if (connection.brokers.length === 0) return log.warn("no brokers to ask are configured");
    const kafka = { clientId: config.service, ...connection };
    try {
      for (const { partition, records } of await measureLag({ kafka, topic, group })) {
        const labels = { topic, partition: String(partition) };
        metrics.gauge("kafka_consumer_lag_records", records, labels);
      }
    } catch (error) {
      metrics.increment("kafka_errors_total", 1, { topic, operation, reason: reasonOf(error) });
      throw error;
    }
  },
  { kafka_errors_total: SEND_FAILURES.map((reason) => ({ topic, operation, reason })) },
);
