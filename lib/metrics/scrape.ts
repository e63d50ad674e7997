/**
 * One scrape: reads every Pushgateway whole and adds up what is there. What can't be read in full is
 * not served at all: a gap in the data is harmless, a counter that falls is not.
 */

import { createAggregation, type Aggregated } from "./aggregate.ts";
import { COMMON_METRICS } from "./catalogue.ts";
import type { GaugeAggregation, MetricDefinition } from "./definition.ts";
import type { LabelSet, MetricFamily, Snapshot } from "./family.ts";

/** Where groups are read from: a Pushgateway, of which this needs no more. */
export interface GroupSource {
  /** All groups of a job. @throws {ServiceError} `READ_FAILED` when they can't be read in full. */
  readGroups(job: string, options: { timeoutMs: number }): Promise<Snapshot>;
}

export interface ScrapeOptions {
  /** The service: the `job` of the groups to read. */
  readonly service: string;
  readonly sources: readonly GroupSource[];
  /** Longest time the reading may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Metrics beside the common ones, for the rules of their gauges. */
  readonly metrics?: readonly MetricDefinition[];
  readonly gaugeMaxAgeSeconds?: number;
}

/**
 * The families of the aggregated page, by name, its own health among them.
 * @throws {ServiceError} `READ_FAILED` when a Pushgateway can't be read in full.
 */
export async function scrape(options: ScrapeOptions): Promise<MetricFamily[]> {
  const { service, sources, timeoutMs, metrics = [], ...aggregation } = options;
  const startedMs = performance.now();
  const snapshots = await Promise.all(
    sources.map((source) => source.readGroups(service, { timeoutMs })),
  );
  const totals = createAggregation({ gaugeRule: gaugeRules(metrics), ...aggregation });
  for (const { groups, takenAtSeconds } of snapshots) {
    for await (const group of groups) totals.add(group, takenAtSeconds);
  }
  const aggregated = totals.result();
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  const health = healthFamilies(service, aggregated, sources.length, elapsedSeconds);
  return [...aggregated.families, ...health];
}

function gaugeRules(metrics: readonly MetricDefinition[]): (name: string) => GaugeAggregation {
  const rules = new Map(
    [...COMMON_METRICS, ...metrics].map(({ name, aggregation }) => [name, aggregation]),
  );
  return (name) => rules.get(name) ?? "last";
}

/** What the page says of itself, each scrape anew. */
function healthFamilies(
  service: string,
  { environments, conflicts, torn }: Aggregated,
  pushgateways: number,
  elapsedSeconds: number,
): MetricFamily[] {
  const family = (name: string, help: string, ...values: [number, LabelSet?][]): MetricFamily => ({
    name,
    help,
    type: "gauge",
    samples: values.map(([value, labels]) => ({
      labels: { instance: "", service, ...labels },
      value,
    })),
  });
  return [
    family(
      "metrics_page_conflicting_families",
      "Families left off this page, since a later push has their name and another type.",
      [conflicts],
    ),
    family("metrics_page_duration_seconds", "Time it took to read and add up this page.", [
      elapsedSeconds,
    ]),
    family(
      "metrics_page_environments",
      "Incarnations of environments on the Pushgateways, by state.",
      [environments.closed, { state: "closed" }],
      [environments.live, { state: "live" }],
    ),
    family("metrics_page_pushgateways", "Pushgateways read for this page.", [pushgateways]),
    family("metrics_page_torn_groups", "Groups whose body was cut on its way.", [torn]),
  ];
}
