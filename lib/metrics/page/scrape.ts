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
import { startScrapeTime, type ScrapeTime } from "./scrape-time.ts";

/** Where groups are read from: a Pushgateway, of which this needs no more. */
export interface GroupSource {
  /** All groups of a job. @throws {ServiceError} `READ_FAILED` when they can't be read in full. */
  readGroups(
    job: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Snapshot>;
}

/** The deployment is whose groups are read, and whose page it is. */
export interface ScrapeOptions extends Deployment {
  readonly ledger: Ledger;
  /** The Pushgateways of the configuration. */
  readonly urls: readonly string[];
  /** Opens one of them, or one that only the ledger still knows. */
  readonly open: (url: string) => GroupSource;
  readonly windows: Windows;
  /** Longest time that all of it may take, in milliseconds. */
  readonly timeoutMs: number;
  /** How large the page may be. Default: any size, which the page then does not tell. */
  readonly limit?: PageLimit;
  /** Metrics beside the common ones, for the rules of their gauges. */
  readonly metrics?: readonly MetricDefinition[];
}

export interface PageLimit {
  /** Bytes that these families take in the answer. */
  readonly sizeOf: (families: readonly MetricFamily[]) => number;
  /** Of the page without its own health. */
  readonly maxBytes: number;
}

/** A retirement may pass a scrape by; that many in the time of one scrape is a fault. */
const MAX_READS = 3;
/** Scrapes that overlap lose the floor's conditional write to each other. */
const MAX_FLOOR_WRITES = 8;

/**
 * The families of the aggregated page, by name, its own health among them.
 * @throws {ServiceError} `READ_FAILED` when a Pushgateway or the ledger can't be read in full, or not in
 *   time; `PAGE_TOO_LARGE` when it would be larger than its limit. Neither moves the floor, and nothing
 *   that was begun goes on.
 */
export async function scrape(options: ScrapeOptions): Promise<MetricFamily[]> {
  const startedMs = performance.now();
  const time = startScrapeTime(options.timeoutMs);
  try {
    const { aggregated, ...read } = await readAll(options, time);
    const { families, isHeld, bytes } = await raise(aggregated.families, options, time);
    const elapsedSeconds = (performance.now() - startedMs) / 1_000;
    const health = { ...aggregated, ...read, isHeld, bytes, elapsedSeconds };
    const all = [...families, ...healthFamilies(options, health)];
    return all.sort((a, b) => compareText(a.name, b.name));
  } finally {
    time.end();
  }
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
async function readAll(options: ScrapeOptions, time: ScrapeTime): Promise<Read> {
  const { service, ledger, open, windows } = options;
  const { signal } = time;
  let known = await ledger.readBase({ signal });
  for (let attempt = 0; attempt < MAX_READS; attempt += 1) {
    const read = await time.reading(async (reading) => {
      const call = { timeoutMs: time.leftMs(), signal: reading };
      const snapshots = await readSnapshots(listedUrls(known, options.urls), (url) =>
        open(url).readGroups(service, call),
      );
      known = await ledger.readBase({ signal });
      return isPassedBy(snapshots, known, windows) ? undefined : addUp(snapshots, known, options);
    });
    if (read !== undefined) return read;
  }
  throw new ServiceError("READ_FAILED", "retirement moved on while the groups were being read");
}

async function readSnapshots(
  urls: readonly string[],
  read: (url: string) => Promise<Snapshot>,
): Promise<ReadonlyMap<string, Snapshot>> {
  return new Map(await Promise.all(urls.map(async (url) => [url, await read(url)] as const)));
}

/** Whether a retirement went on after the snapshots: further than they reach, or to where none is of. */
function isPassedBy(
  snapshots: ReadonlyMap<string, Snapshot>,
  base: Base,
  windows: Windows,
): boolean {
  if (listedUrls(base, []).some((url) => !snapshots.has(url))) return true;
  return base.pushgateways.some(({ url, horizonSeconds }) => {
    const takenAtSeconds = snapshots.get(url)?.takenAtSeconds ?? Infinity;
    return horizonSeconds > horizonAt(takenAtSeconds, windows);
  });
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

interface RaisedPage {
  readonly families: MetricFamily[];
  readonly isHeld: boolean;
  /** Without the page's health; none where there is no limit. */
  readonly bytes: number | undefined;
}

/**
 * Raises a page to the floor and writes what will be served as the next floor, before it is served.
 * A scrape that loses the write takes the winner's floor into account too. What is too large to be
 * served is no floor.
 */
async function raise(
  page: readonly MetricFamily[],
  { ledger, limit }: ScrapeOptions,
  { signal }: ScrapeTime,
): Promise<RaisedPage> {
  for (let attempt = 0; attempt < MAX_FLOOR_WRITES; attempt += 1) {
    const floor = await ledger.readFloor({ signal });
    const { families, floor: next, isHeld, isChanged } = raiseToFloor(page, floor.families);
    const bytes = limit?.sizeOf(families);
    if (limit !== undefined && bytes !== undefined && bytes > limit.maxBytes) {
      throw tooLarge(families, bytes, limit);
    }
    const raised = { families, isHeld, bytes };
    if (!isChanged) return raised;
    const written = { version: floor.version + 1, families: next };
    if (await ledger.writeFloor(written, { signal })) return raised;
  }
  throw new ServiceError("READ_FAILED", "ledger FLOOR: other scrapes won every write");
}

/** Families that the error names. */
const NAMED = 3;

function tooLarge(
  families: readonly MetricFamily[],
  bytes: number,
  { sizeOf, maxBytes }: PageLimit,
): ServiceError {
  const largest = families
    .map((family) => ({ ...family, bytes: sizeOf([family]) }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, NAMED)
    .map(({ name, samples, bytes: own }) => `${name} (${samples.length} label sets, ${own} bytes)`);
  const detail = `the page has ${bytes} bytes, expected at most ${maxBytes}; largest: ${largest.join(", ")}. Record fewer label sets, under a new name; see docs/operations.md, "Page too large"`;
  return new ServiceError("PAGE_TOO_LARGE", detail);
}

function gaugeRules(metrics: readonly MetricDefinition[]): (name: string) => GaugeAggregation {
  const rules = new Map(
    [...COMMON_METRICS, ...metrics].map(({ name, aggregation }) => [name, aggregation]),
  );
  return (name) => rules.get(name) ?? "last";
}

interface Health extends Aggregated, Omit<Read, "aggregated">, Omit<RaisedPage, "families"> {
  readonly elapsedSeconds: number;
}

/** What the page says of itself, each scrape anew. */
function healthFamilies({ service, stage }: Deployment, health: Health): MetricFamily[] {
  const { environments, conflicts, torn, ghosts, duplicates, isHeld, bytes, base } = health;
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
    ...(bytes === undefined
      ? []
      : [
          gauge(
            "bytes",
            "Bytes that this page takes of an answer, without its metrics_page_ lines.",
            [bytes],
          ),
        ]),
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
    gauge("duration_seconds", "Time it took to read and add up this page.", [
      health.elapsedSeconds,
    ]),
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
