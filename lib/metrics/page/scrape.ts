/**
 * One scrape: reads every Pushgateway whole, then the ledger, and adds up what is there. What can't be
 * read in full is not served at all: a gap in the data is harmless, a counter that falls is not.
 */

import { ServiceError } from "../../errors.ts";
import { createAggregation, type Aggregated } from "./aggregate.ts";
import { COMMON_METRICS } from "../record/catalogue.ts";
import type { GaugeAggregation, MetricDefinition } from "../definition.ts";
import type { LabelSet, MetricFamily, Snapshot } from "../family.ts";
import { isGroupOf, type Deployment } from "../read/deployment.ts";
import { raiseToFloor } from "./floor.ts";
import {
  furthestFirst,
  horizonAt,
  isLive,
  listedUrls,
  stateOf,
  type Base,
  type Ledger,
  type Windows,
} from "../retire/ledger.ts";
import { compareText } from "../tally.ts";

/** Where groups are read from: a Pushgateway, of which this needs no more. */
export interface GroupSource {
  /** All groups of a job. @throws {ServiceError} `READ_FAILED` when they can't be read in full. */
  readGroups(job: string, options: { timeoutMs: number }): Promise<Snapshot>;
}

/** The deployment is whose groups are read, and whose page it is. */
export interface ScrapeOptions extends Deployment {
  readonly ledger: Ledger;
  /** The Pushgateways of the configuration. */
  readonly urls: readonly string[];
  /** Opens one of them, or one that only the ledger still knows. */
  readonly open: (url: string) => GroupSource;
  readonly windows: Windows;
  /** Longest time that reading a Pushgateway may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Metrics beside the common ones, for the rules of their gauges. */
  readonly metrics?: readonly MetricDefinition[];
}

/** A retirement may pass a scrape by; that many in the time of one scrape is a fault. */
const MAX_READS = 3;
/** Scrapes that overlap lose the floor's conditional write to each other. */
const MAX_FLOOR_WRITES = 8;

/**
 * The families of the aggregated page, by name, its own health among them.
 * @throws {ServiceError} `READ_FAILED` when a Pushgateway or the ledger can't be read in full.
 */
export async function scrape(options: ScrapeOptions): Promise<MetricFamily[]> {
  const startedMs = performance.now();
  const { aggregated, ...read } = await readAll(options);
  const { families, isHeld } = await raise(aggregated.families, options.ledger);
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  const health = healthFamilies(options, {
    ...aggregated,
    ...read,
    isHeld,
    elapsedSeconds,
  });
  return [...families, ...health].sort((a, b) => compareText(a.name, b.name));
}

interface Read {
  readonly aggregated: Aggregated;
  readonly ghosts: number;
  /** Groups read again under another URL of their Pushgateway. */
  readonly duplicates: number;
  readonly base: Base;
}

/**
 * Reads in the direction in which data moves: groups first, then the base. So an instance may be met
 * twice, which its tombstone tells, but never missed.
 */
async function readAll(options: ScrapeOptions): Promise<Read> {
  const { service, ledger, open, windows, timeoutMs } = options;
  let known = await ledger.readBase();
  for (let attempt = 0; attempt < MAX_READS; attempt += 1) {
    const urls = listedUrls(known, options.urls);
    const read = async (url: string) =>
      [url, await open(url).readGroups(service, { timeoutMs })] as const;
    const snapshots = new Map(await Promise.all(urls.map(read)));
    known = await ledger.readBase();
    const hasNews = listedUrls(known, []).some((url) => !snapshots.has(url));
    const isStale = known.pushgateways.some(({ url, horizonSeconds }) => {
      const takenAtSeconds = snapshots.get(url)?.takenAtSeconds ?? Infinity;
      return horizonSeconds > horizonAt(takenAtSeconds, windows);
    });
    if (!hasNews && !isStale) return addUp(snapshots, known, options);
  }
  throw new ServiceError("READ_FAILED", "retirement moved on while the groups were being read");
}

async function addUp(
  snapshots: ReadonlyMap<string, Snapshot>,
  base: Base,
  options: ScrapeOptions,
): Promise<Read> {
  const { metrics = [], windows } = options;
  const aggregation = createAggregation({
    gaugeRule: gaugeRules(metrics),
    gaugeMaxAgeSeconds: windows.leaseSeconds,
  });
  aggregation.addStored(base.totals);
  const met = new Set<string>();
  let [ghosts, duplicates] = [0, 0];
  for (const url of furthestFirst(base, [...snapshots.keys()])) {
    const snapshot = snapshots.get(url);
    if (snapshot === undefined) continue;
    const state = stateOf(base, url);
    for await (const group of snapshot.groups) {
      if (!isGroupOf(options, group)) continue;
      const instance = group.key["instance"] ?? "";
      if (met.has(instance)) duplicates += 1;
      else if (isLive(group, state, base)) aggregation.add(group, snapshot.takenAtSeconds);
      else ghosts += 1;
      met.add(instance);
    }
  }
  return { aggregated: aggregation.result(), ghosts, duplicates, base };
}

/**
 * Raises a page to the floor and writes what will be served as the next floor, before it is served.
 * A scrape that loses the write takes the winner's floor into account too.
 */
async function raise(
  page: readonly MetricFamily[],
  ledger: Ledger,
): Promise<{ families: MetricFamily[]; isHeld: boolean }> {
  for (let attempt = 0; attempt < MAX_FLOOR_WRITES; attempt += 1) {
    const floor = await ledger.readFloor();
    const { families, floor: next, isHeld, isChanged } = raiseToFloor(page, floor.families);
    if (!isChanged) return { families, isHeld };
    if (await ledger.writeFloor({ version: floor.version + 1, families: next })) {
      return { families, isHeld };
    }
  }
  throw new ServiceError("READ_FAILED", "ledger FLOOR: other scrapes won every write");
}

function gaugeRules(metrics: readonly MetricDefinition[]): (name: string) => GaugeAggregation {
  const rules = new Map(
    [...COMMON_METRICS, ...metrics].map(({ name, aggregation }) => [name, aggregation]),
  );
  return (name) => rules.get(name) ?? "last";
}

interface Health extends Aggregated, Omit<Read, "aggregated"> {
  readonly isHeld: boolean;
  readonly elapsedSeconds: number;
}

/** What the page says of itself, each scrape anew. */
function healthFamilies({ service, stage }: Deployment, health: Health): MetricFamily[] {
  const { environments, conflicts, torn, ghosts, duplicates, isHeld, elapsedSeconds, base } =
    health;
  const gauge = (name: string, help: string, ...values: [number, LabelSet?][]): MetricFamily => ({
    name: `metrics_page_${name}`,
    help,
    type: "gauge",
    samples: values.map(([value, labels]) => ({
      labels: { environment: stage, instance: "", service, ...labels },
      value,
    })),
  });
  const series = base.totals.reduce((all, family) => all + family.series.length, 0);
  return [
    gauge(
      "conflicting_families",
      "Families left off this page, since a family pushed later claims one of their names.",
      [conflicts],
    ),
    gauge(
      "duplicate_groups",
      "Groups read twice, since their Pushgateway is listed under two URLs.",
      [duplicates],
    ),
    gauge("duration_seconds", "Time it took to read and add up this page.", [elapsedSeconds]),
    gauge(
      "environments",
      "Incarnations of environments that are counted live, by state.",
      [environments.closed, { state: "closed" }],
      [environments.live, { state: "live" }],
    ),
    gauge("floor_held", "1 while the floor holds up a counter, after a loss of data.", [
      Number(isHeld),
    ]),
    gauge("ghost_groups", "Groups that count no more and are still there.", [ghosts]),
    gauge("ledger_series", "Label sets in the ledger's base.", [series]),
    gauge("ledger_version", "Writes of the ledger's base.", [base.version]),
    gauge("torn_groups", "Groups whose body was cut on its way.", [torn]),
  ];
}
