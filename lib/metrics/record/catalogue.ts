/**
 * The common metric families, known before anything is recorded. Everything a service adds of its
 * own is either passed beside these or registered on first use.
 */

import type { MetricDefinition } from "../definition.ts";
import { REFUSAL_REASONS } from "./refusal.ts";

/** Query times in milliseconds: DynamoDB answers in single ones, so the bounds start below 1. */
export const QUERY_MILLISECONDS = [
  0.5, 1, 2.5, 5, 7.5, 10, 15, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10000,
] as const;

/** Durations in seconds, from half a millisecond to API Gateway's limit of 29. */
export const DURATION_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 29,
] as const;

/** How far a consumer is behind, in seconds, up to a day. */
export const LAG_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 21600, 86400] as const;

/** Rows, records and batch sizes. */
export const ITEM_COUNTS = [0, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000] as const;

/** Sizes in bytes, 256 B to 16 MiB. */
export const BYTES = [256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216] as const;

/** The buckets of a histogram registered on first use, by the unit its name ends in. */
export function defaultBuckets(name: string): readonly number[] {
  if (name.endsWith("_milliseconds")) return QUERY_MILLISECONDS;
  if (name.endsWith("_seconds")) return DURATION_SECONDS;
  if (name.endsWith("_bytes")) return BYTES;
  return ITEM_COUNTS;
}

const OUTCOMES = ["success", "error", "timeout"] as const;
const PUSH_RESULTS = ["refused", "unanswered", "rejected"] as const;

/** Metric families that every environment knows from the start. */
export const COMMON_METRICS: readonly MetricDefinition[] = [
  {
    name: "api_requests_total",
    type: "counter",
    help: "API requests answered, by method, route template and status code.",
    labels: ["method", "endpoint", "status_code"],
  },
  {
    name: "query_duration_milliseconds",
    type: "histogram",
    help: "Time a query took, in milliseconds.",
    labels: ["engine", "query_type"],
    buckets: QUERY_MILLISECONDS,
  },
  {
    name: "kafka_messages_produced_total",
    type: "counter",
    help: "Kafka records acknowledged by the broker.",
    labels: ["topic"],
  },
  {
    name: "kafka_messages_consumed_total",
    type: "counter",
    help: "Kafka records stored or made dead letters whose offset was let go, so each once unless Kafka was not told.",
    labels: ["topic"],
  },
  {
    name: "api_errors_total",
    type: "counter",
    help: "API requests answered with an error, by route template and error code.",
    labels: ["endpoint", "code"],
  },
  {
    name: "api_request_duration_seconds",
    type: "histogram",
    help: "Time from a request's arrival in the handler to its response.",
    labels: ["method", "endpoint"],
    buckets: DURATION_SECONDS,
  },
  {
    name: "kafka_errors_total",
    type: "counter",
    help: "Kafka operations that failed, by operation and reason.",
    labels: ["topic", "operation", "reason"],
  },
  {
    name: "kafka_messages_unanswered_total",
    type: "counter",
    help: "Kafka records that no broker answered in time. They are sent until one does, and produced only then.",
    labels: ["topic"],
  },
  {
    name: "kafka_messages_settled_total",
    type: "counter",
    help: "Unanswered Kafka records of which it is known by now whether they are in the topic.",
    labels: ["topic"],
  },
  {
    name: "kafka_produce_duration_seconds",
    type: "histogram",
    help: "Time until the broker acknowledged the records of one request, or did not.",
    labels: ["topic"],
    buckets: DURATION_SECONDS,
  },
  {
    name: "kafka_dead_letters_total",
    type: "counter",
    help: "Consumed Kafka records that are dead letters, by the topic they came from and reason.",
    labels: ["topic", "reason"],
  },
  {
    name: "kafka_consumer_lag_seconds",
    type: "histogram",
    help: "Age of a Kafka record when it was consumed, from its own timestamp.",
    labels: ["topic"],
    buckets: LAG_SECONDS,
  },
  // One environment measures at a time, so what was pushed last is what holds.
  {
    name: "kafka_consumer_lag_records",
    type: "gauge",
    help: "Kafka records that the consumer group has still to deal with, as the brokers know it.",
    labels: ["topic", "partition"],
    aggregation: "last",
  },
  {
    name: "kafka_batch_size",
    type: "histogram",
    help: "Kafka records in one batch.",
    labels: ["topic", "operation"],
    buckets: ITEM_COUNTS,
  },
  {
    name: "query_rows_returned",
    type: "histogram",
    help: "Rows one query returned.",
    labels: ["engine", "query_type"],
    buckets: ITEM_COUNTS,
  },
  {
    name: "dynamodb_consumed_capacity_units_total",
    type: "counter",
    help: "DynamoDB capacity units consumed, as its answers say.",
    labels: ["table", "operation"],
  },
  {
    name: "lambda_invocations_total",
    type: "counter",
    help: "Invocations ended, by outcome.",
    labels: ["outcome"],
    zeros: OUTCOMES.map((outcome) => ({ outcome })),
  },
  {
    name: "lambda_cold_starts_total",
    type: "counter",
    help: "Invocations that were the first of their execution environment.",
    zeros: [{}],
  },
  {
    name: "lambda_init_duration_seconds",
    type: "histogram",
    help: "Time from the start of the process to the end of its init phase.",
    buckets: DURATION_SECONDS,
  },
  {
    name: "metrics_pushes_total",
    type: "counter",
    help: "Pushes to the Pushgateway attempted.",
    zeros: [{}],
  },
  {
    name: "metrics_push_failures_total",
    type: "counter",
    help: "Pushes not acknowledged, by what became of them.",
    labels: ["result"],
    zeros: PUSH_RESULTS.map((result) => ({ result })),
  },
  {
    name: "metrics_push_duration_seconds",
    type: "histogram",
    help: "Time a push took until its answer or its end.",
    buckets: DURATION_SECONDS,
  },
  {
    name: "metrics_client_errors_total",
    type: "counter",
    help: "Samples that were not recorded as asked, by reason.",
    labels: ["reason"],
    zeros: REFUSAL_REASONS.map((reason) => ({ reason })),
  },
  {
    name: "metrics_uncertain_total",
    type: "counter",
    help: "Samples whose push was never answered and which may not be counted.",
    zeros: [{}],
  },
  {
    name: "metrics_deadline_flushes_total",
    type: "counter",
    help: "Flushes made because an invocation came near its deadline.",
    zeros: [{}],
  },
  {
    name: "metrics_retirements_total",
    type: "counter",
    help: "Retirement runs, by outcome.",
    labels: ["outcome"],
  },
  {
    name: "metrics_retired_groups_total",
    type: "counter",
    help: "Groups of former environments folded into the ledger.",
  },
  {
    name: "metrics_ghost_groups_total",
    type: "counter",
    help: "Groups found that counted no more, left by a deletion that failed, a backup or a late push.",
  },
  {
    name: "metrics_clock_steps_total",
    type: "counter",
    help: "Times a Pushgateway's clock was found set.",
  },
  {
    name: "metrics_retirement_duration_seconds",
    type: "histogram",
    help: "Time a retirement run took.",
    buckets: DURATION_SECONDS,
  },
  {
    name: "build_info",
    type: "gauge",
    help: "1 for each version that is running.",
    labels: ["version"],
    aggregation: "max",
  },
];
