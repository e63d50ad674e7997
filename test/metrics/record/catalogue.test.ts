import { describe, expect, it } from "vitest";
import {
  BYTES,
  COMMON_METRICS,
  defaultBuckets,
  DURATION_SECONDS,
  ITEM_COUNTS,
  QUERY_MILLISECONDS,
} from "../../../lib/metrics/record/catalogue.ts";
import { createDefinitions } from "../../../lib/metrics/record/definitions.ts";
import { REFUSAL_REASONS, refuseLabels } from "../../../lib/metrics/record/refusal.ts";

const named = (name: string) => COMMON_METRICS.find((metric) => metric.name === name);

describe("the common metrics", () => {
  it("are all taken as they are, without a clash among them", () => {
    expect(createDefinitions({ maxLabelSets: 1 }).refused).toEqual([]);
    expect(createDefinitions({ maxLabelSets: 1 }).all()).toEqual(COMMON_METRICS);
  });

  it.each([
    ["api_requests_total", "counter", ["method", "endpoint", "status_code"]],
    ["query_duration_milliseconds", "histogram", ["engine", "query_type"]],
    ["kafka_messages_produced_total", "counter", ["topic"]],
    ["kafka_messages_consumed_total", "counter", ["topic"]],
  ])("have %s, a %s of %o, as dashboards know it", (name, type, labels) => {
    expect(named(name)).toMatchObject({ type, labels });
  });

  it("give query times all the bounds that dashboards know, and finer ones", () => {
    const bounds = named("query_duration_milliseconds")?.buckets ?? [];
    expect(bounds).toEqual(expect.arrayContaining([10, 50, 100, 500, 1000, 5000, 10000]));
    expect(bounds.filter((bound) => bound < 10).length).toBeGreaterThan(3);
  });

  it("start at 0 only label sets that their families take", () => {
    for (const metric of COMMON_METRICS) {
      for (const labels of metric.zeros ?? []) {
        expect([metric.name, refuseLabels(metric, labels)]).toEqual([metric.name, undefined]);
      }
    }
  });

  it("start every reason for a refusal at 0", () => {
    const { zeros = [] } = named("metrics_client_errors_total") ?? {};
    expect(zeros.map(({ reason }) => reason)).toEqual(REFUSAL_REASONS);
  });

  it("name a unit last: seconds, but for the one family that keeps its milliseconds", () => {
    const inMilliseconds = COMMON_METRICS.filter(({ name }) => /milli/.test(name));
    expect(inMilliseconds.map(({ name }) => name)).toEqual(["query_duration_milliseconds"]);
    const durations = COMMON_METRICS.filter(({ name }) => /duration|lag/.test(name));
    const others = durations.filter(({ name }) => !/_(?:milli)?seconds$/.test(name));
    expect(others.map(({ name }) => name)).toEqual(["kafka_consumer_lag_records"]);
  });

  it("say in a gauge's definition how several environments become one value", () => {
    const gauges = COMMON_METRICS.filter(({ type }) => type === "gauge");
    expect(gauges.every(({ aggregation }) => aggregation !== undefined)).toBe(true);
  });
});

describe("defaultBuckets", () => {
  it.each([
    ["x_milliseconds", QUERY_MILLISECONDS],
    ["x_seconds", DURATION_SECONDS],
    ["x_bytes", BYTES],
    ["x", ITEM_COUNTS],
    ["milliseconds_of_x", ITEM_COUNTS],
  ])("follow the unit of %s", (name, buckets) => {
    expect(defaultBuckets(name)).toBe(buckets);
  });
});
