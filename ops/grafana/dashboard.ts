/**
 * The dashboard: what the service does, for whom, how fast, and whether its metrics can be believed.
 * Every query uses the page's own labels; none sums over instances, since there are none.
 */

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  DashboardBuilder,
  DashboardCursorSync,
  RowBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { labelVariable, lines, number, sourceVariable, spread } from "./panel.ts";

/** The series of the chosen services, stages and functions; requests for trades only, not the probes'. */
const CHOSEN = 'service=~"$service",environment=~"$environment"';
const API = `${CHOSEN},endpoint!~"/metrics|/health"`;
const RATE = "[$__rate_interval]";

/** On-demand prices of us-east-1 in dollars a million units; writes cost five times as much as reads. */
const DOLLARS_PER_MILLION_READS = 0.125;
const SECONDS_A_MONTH = 30 * 24 * 3_600;

/** Makes the dashboard, as Grafana imports it. */
export function makeDashboard(): Dashboard {
  const builder = new DashboardBuilder("k2-trades")
    .uid("k2-trades")
    .description(
      "Trades served from Lambda, with metrics that are exact: no count lost, none twice.",
    )
    .tags(["k2-trades", "lambda", "prometheus"])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-1h", to: "now" })
    .refresh("30s")
    .withVariable(sourceVariable())
    .withVariable(labelVariable("service"))
    .withVariable(labelVariable("environment"));
  for (const [title, panels] of Object.entries(ROWS)) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  return builder.build();
}

const quantile = (q: number, bucketRate: string, by = "le"): string =>
  `histogram_quantile(${q}, sum by (${by}) (${bucketRate}))`;
const requestBuckets = `rate(api_request_duration_seconds_bucket{${API}}${RATE})`;
const queryBuckets = `rate(query_duration_milliseconds_bucket{${CHOSEN}}${RATE})`;
const pushBuckets = `rate(metrics_push_duration_seconds_bucket{${CHOSEN}}${RATE})`;
const lagBuckets = `rate(kafka_consumer_lag_seconds_bucket{${CHOSEN}}${RATE})`;
const storageBuckets = `rate(trade_storage_lag_seconds_bucket{${CHOSEN}}${RATE})`;
const produceBuckets = `rate(kafka_produce_duration_seconds_bucket{${CHOSEN}}${RATE})`;
const initBuckets = `lambda_init_duration_seconds_bucket{${CHOSEN}}`;

const ROWS = {
  Overview: [
    number(
      { title: "Requests", unit: "reqps", description: "Requests answered a second." },
      `sum(rate(api_requests_total{${API}}${RATE}))`,
    ),
    number(
      {
        title: "Failed",
        unit: "percentunit",
        badFrom: 0.001,
        description: "Share of requests answered with a 5xx. The objective is 0.1 %.",
      },
      `sum(rate(api_requests_total{${API},status_code=~"5.."}${RATE})) / sum(rate(api_requests_total{${API}}${RATE}))`,
    ),
    number(
      {
        title: "99th percentile",
        unit: "s",
        badFrom: 1,
        description: "Time from a request's arrival in the handler to its response.",
      },
      quantile(0.99, requestBuckets),
    ),
    number(
      {
        title: "Records consumed",
        unit: "cps",
        description: "Kafka records dealt with a second.",
      },
      `sum(rate(kafka_messages_consumed_total{${CHOSEN}}${RATE}))`,
    ),
    number(
      {
        title: "Environments",
        unit: "short",
        description: "Execution environments that live, as far as their pushes tell.",
      },
      `sum(metrics_page_environments{${CHOSEN},state="live"})`,
    ),
    number(
      {
        title: "Floor",
        unit: "short",
        badFrom: 1,
        description: "1 while a Pushgateway that lost data is made up for: counters stand still.",
      },
      `max(metrics_page_floor_held{${CHOSEN}})`,
    ),
  ],
  API: [
    lines(
      {
        title: "Requests by route",
        unit: "reqps",
        description: "By the route's template; unknown paths are one series.",
      },
      [
        `sum by (method, endpoint) (rate(api_requests_total{${CHOSEN}}${RATE}))`,
        "{{method}} {{endpoint}}",
      ],
    ),
    lines(
      {
        title: "Errors by code",
        unit: "reqps",
        description: "4xx are the callers', 5xx ours; `code` is the problem's, as documented.",
      },
      [
        `sum by (endpoint, code) (rate(api_errors_total{${CHOSEN}}${RATE}))`,
        "{{code}} {{endpoint}}",
      ],
    ),
    lines(
      {
        title: "Latency",
        unit: "s",
        description: "In the handler; what API Gateway and the network add is not in it.",
      },
      [quantile(0.5, requestBuckets), "p50"],
      [quantile(0.9, requestBuckets), "p90"],
      [quantile(0.99, requestBuckets), "p99"],
    ),
    spread(
      {
        title: "Latency, spread",
        unit: "s",
        description: "Requests a second by how long they took.",
      },
      `sum by (le) (${requestBuckets})`,
    ),
    lines(
      {
        title: "Queries",
        unit: "ms",
        description: "99th percentile of each kind of query, in milliseconds.",
      },
      [quantile(0.99, queryBuckets, "query_type, le"), "{{query_type}}"],
    ),
    lines(
      {
        title: "Rows of a query",
        unit: "short",
        description: "Rows that a query returned on average.",
      },
      [
        `sum by (query_type) (rate(query_rows_returned_sum{${CHOSEN}}${RATE})) / sum by (query_type) (rate(query_rows_returned_count{${CHOSEN}}${RATE}))`,
        "{{query_type}}",
      ],
    ),
  ],
  Kafka: [
    lines(
      {
        title: "Records in and out",
        unit: "cps",
        description: "Produced: acknowledged by the broker. Consumed: stored, or put aside.",
      },
      [
        `sum by (topic) (rate(kafka_messages_produced_total{${CHOSEN}}${RATE}))`,
        "produced {{topic}}",
      ],
      [
        `sum by (topic) (rate(kafka_messages_consumed_total{${CHOSEN}}${RATE}))`,
        "consumed {{topic}}",
      ],
    ),
    lines(
      {
        title: "Lag",
        unit: "s",
        description: "Age of a record when it had been stored, and of the trade in it.",
      },
      [quantile(0.5, lagBuckets, "topic, le"), "p50 {{topic}}"],
      [quantile(0.95, lagBuckets, "topic, le"), "p95 {{topic}}"],
      [quantile(0.95, storageBuckets, "topic, le"), "p95 from the trade on, {{topic}}"],
    ),
    lines(
      {
        title: "Records waiting",
        unit: "short",
        description: "What the consumer group has still to deal with, as the brokers know it.",
      },
      [
        `sum by (topic, partition) (kafka_consumer_lag_records{${CHOSEN}})`,
        "{{topic}} {{partition}}",
      ],
    ),
    lines(
      {
        title: "Time to produce",
        unit: "s",
        description: "Until the broker acknowledged the records of one request, or did not.",
      },
      [quantile(0.5, produceBuckets, "topic, le"), "p50 {{topic}}"],
      [quantile(0.95, produceBuckets, "topic, le"), "p95 {{topic}}"],
    ),
    lines(
      {
        title: "Records in doubt",
        unit: "short",
        description:
          "Published, and no broker has said yet whether it has them; they are sent until one does.",
      },
      [
        `sum by (topic) (kafka_messages_unanswered_total{${CHOSEN}}) - sum by (topic) (kafka_messages_settled_total{${CHOSEN}})`,
        "{{topic}}",
      ],
    ),
    lines(
      {
        title: "Failures and dead letters",
        unit: "cps",
        description: "Operations that failed, and records put aside since they are no trades.",
      },
      [
        `sum by (operation, reason) (rate(kafka_errors_total{${CHOSEN}}${RATE}))`,
        "{{operation}}: {{reason}}",
      ],
      [
        `sum by (topic) (rate(kafka_dead_letters_total{${CHOSEN}}${RATE}))`,
        "dead letters of {{topic}}",
      ],
    ),
  ],
  Lambda: [
    lines(
      {
        title: "Invocations",
        unit: "cps",
        description: "By function and outcome. A timeout is one that was near its deadline.",
      },
      [
        `sum by (component, outcome) (rate(lambda_invocations_total{${CHOSEN}}${RATE}))`,
        "{{component}} {{outcome}}",
      ],
    ),
    lines(
      {
        title: "Cold starts",
        unit: "percentunit",
        description: "Share of invocations that were the first of their environment.",
      },
      [
        `sum by (component) (rate(lambda_cold_starts_total{${CHOSEN}}[30m])) / sum by (component) (rate(lambda_invocations_total{${CHOSEN}}[30m]))`,
        "{{component}}",
      ],
    ),
    lines(
      {
        title: "Init",
        unit: "s",
        description:
          "90th percentile, over all cold starts ever, from the process's start to the end of its init.",
      },
      [quantile(0.9, initBuckets, "component, le"), "{{component}}"],
    ),
    lines(
      {
        title: "Environments",
        unit: "short",
        description: "Live, and closed but not yet retired.",
      },
      [`sum by (state) (metrics_page_environments{${CHOSEN}})`, "{{state}}"],
    ),
    lines(
      {
        title: "Environments retired",
        unit: "short",
        description: "Groups folded into the ledger in five minutes.",
      },
      [`sum(increase(metrics_retired_groups_total{${CHOSEN}}[5m]))`, "retired"],
    ),
    lines(
      {
        title: "Versions",
        unit: "short",
        description: "1 for each version that has a live environment.",
      },
      [`max by (component, version) (build_info{${CHOSEN}})`, "{{component}} {{version}}"],
    ),
  ],
  "The metrics themselves": [
    lines(
      {
        title: "Pushes",
        unit: "cps",
        description:
          "Attempts, and what became of those not acknowledged. All are made good later.",
      },
      [`sum(rate(metrics_pushes_total{${CHOSEN}}${RATE}))`, "attempted"],
      [`sum by (result) (rate(metrics_push_failures_total{${CHOSEN}}${RATE}))`, "{{result}}"],
    ),
    lines(
      {
        title: "Push time",
        unit: "s",
        description: "It passes after the response, and is billed.",
      },
      [quantile(0.5, pushBuckets), "p50"],
      [quantile(0.99, pushBuckets), "p99"],
    ),
    lines(
      {
        title: "The page",
        unit: "s",
        description: "Time to read every Pushgateway and the ledger and add them up.",
      },
      [`max(metrics_page_duration_seconds{${CHOSEN}})`, "page"],
    ),
    lines(
      {
        title: "Size of the page",
        unit: "decbytes",
        description: "What it takes of the 6 MB that Lambda can answer.",
      },
      [
        `max by (service, environment) (metrics_page_bytes{${CHOSEN}})`,
        "{{service}} {{environment}}",
      ],
    ),
    lines(
      {
        title: "Never counted, or counted late",
        unit: "short",
        description: "Samples refused or uncertain, in an hour. Flat at 0 when all is well.",
      },
      [
        `sum by (reason) (increase(metrics_client_errors_total{${CHOSEN}}[1h]))`,
        "refused: {{reason}}",
      ],
      [`sum(increase(metrics_uncertain_total{${CHOSEN}}[1h]))`, "uncertain"],
      [`sum(increase(metrics_deadline_flushes_total{${CHOSEN}}[1h]))`, "near a deadline"],
    ),
    lines(
      {
        title: "Groups amiss",
        unit: "short",
        description:
          "Ghosts: they count no more and go at the next retirement. Torn: cut on the way. Read twice: their Pushgateway is listed under two URLs.",
      },
      [`sum(metrics_page_ghost_groups{${CHOSEN}})`, "ghosts"],
      [`sum(metrics_page_torn_groups{${CHOSEN}})`, "torn"],
      [`sum(metrics_page_duplicate_groups{${CHOSEN}})`, "read twice"],
      [`sum(metrics_page_conflicting_families{${CHOSEN}})`, "families in conflict"],
    ),
    lines(
      {
        title: "Retirements",
        unit: "short",
        description:
          "Runs in five minutes, by outcome: one a minute, complete unless a Pushgateway can't be read.",
      },
      [`sum by (outcome) (increase(metrics_retirements_total{${CHOSEN}}[5m]))`, "{{outcome}}"],
    ),
    lines(
      {
        title: "Ledger",
        unit: "short",
        description: "Series it holds. It grows with label sets, never with environments.",
      },
      [
        `max by (service, environment) (metrics_page_ledger_series{${CHOSEN}})`,
        "{{service}} {{environment}}",
      ],
    ),
  ],
  DynamoDB: [
    lines(
      {
        title: "Capacity units",
        unit: "cps",
        description: "Units a second as DynamoDB's answers have them.",
      },
      [
        `sum by (operation) (rate(dynamodb_consumed_capacity_units_total{${CHOSEN}}${RATE}))`,
        "{{operation}}",
      ],
    ),
    lines(
      {
        title: "Cost of reading, a month",
        unit: "currencyUSD",
        description: `At this rate for 30 days, on demand, at ${DOLLARS_PER_MILLION_READS} dollars a million read units (us-east-1). Writes cost five times as much and are not in it.`,
      },
      [
        `sum by (operation) (rate(dynamodb_consumed_capacity_units_total{${CHOSEN},operation=~"list_.+|summarize_.+"}[15m])) * ${SECONDS_A_MONTH} * ${DOLLARS_PER_MILLION_READS} / 1e6`,
        "{{operation}}",
      ],
    ),
  ],
};
