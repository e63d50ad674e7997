/**
 * The runs of a simulated deployment that read its groups: retirements and scrapes, on the real code.
 */

import { createLog } from "../../../lib/log.ts";
import type { LabelSet, MetricFamily, Snapshot } from "../../../lib/metrics/family.ts";
import { scrape } from "../../../lib/metrics/page/scrape.ts";
import type { Deployment } from "../../../lib/metrics/read/deployment.ts";
import { retire } from "../../../lib/metrics/retire/retire.ts";
import type { MemoryPushgateway } from "../memory-pushgateway.ts";
import { isLeftOut } from "./left-out.ts";
import type { Reckoning } from "./reckoning.ts";
import type { SimulatedLedger } from "./simulated-ledger.ts";
import { forEver, standStill, WINDOWS, type Fate, type Process, type World } from "./world.ts";

/** A deployment with its ledger and its page. */
export interface Service extends Deployment {
  readonly reckoning: Reckoning;
  readonly ledger: SimulatedLedger;
  readonly retirements: Process[];
  scraping: number;
}

export interface RunOptions {
  readonly world: World;
  /** The Pushgateways of the newest deployment. */
  readonly urls: () => readonly string[];
  readonly gatewayAt: (url: string) => MemoryPushgateway;
  readonly nowMs: () => number;
  readonly complain: (violation: string) => void;
}

export interface PageOptions extends RunOptions {
  /** What was acknowledged by now must be on the page. */
  readonly isEverythingDue: boolean;
  /** The floor has nothing to hold up. */
  readonly isFloorAtRest: boolean;
}

/** Longest time that a call takes. */
const CALL_MS = 5_000;
/** How long a run may stand still with the groups it has read: a bit more than a window. */
const STANDSTILL_MS = 2_100_000;
const common = { timeoutMs: CALL_MS, windows: WINDOWS };

/** Retires once; may die anywhere. */
export async function runRetirement(
  options: RunOptions,
  { service, stage, ledger, retirements }: Service,
  fates: readonly Fate[],
): Promise<void> {
  const { world, gatewayAt, nowMs, complain } = options;
  const process: Process = { isDead: false, fates: [...fates] };
  retirements.push(process);
  const remove = async (url: string, key: LabelSet) => {
    await world.travel("delete", CALL_MS);
    const fate = process.fates.shift() ?? "arrives";
    const happen = () => gatewayAt(url).remove(key);
    if (fate === "late") void world.dawdle("delete, late").then(happen);
    if (fate === "arrives") happen();
    await world.turn(process, "deleted");
    return fate === "arrives";
  };
  try {
    await retire({
      ...common,
      service,
      stage,
      urls: options.urls(),
      ledger: ledger.for(process),
      open: (url) => ({
        url,
        readGroups: (job) => readGroups(url, job, options, process),
        remove: (key) => remove(url, key),
      }),
      log: createLog({ level: "silent" }),
      nowMs,
    });
  } catch (error) {
    if (!String(error).includes("READ_FAILED")) complain(`retirement failed: ${String(error)}`);
  } finally {
    process.isDead = true;
  }
}

/** Scrapes once, and holds the page against what is known. @returns nothing when there was no page. */
export async function runScrape(
  options: PageOptions,
  deployment: Service,
  fates: readonly Fate[],
): Promise<readonly MetricFamily[] | undefined> {
  const { complain, isEverythingDue, isFloorAtRest } = options;
  const { service, stage, reckoning } = deployment;
  const process: Process = { isDead: false, fates: [...fates] };
  const look = reckoning.expectPage(isEverythingDue);
  const ledger = deployment.ledger.for(process);
  let base: ReturnType<typeof ledger.readBase> | undefined;
  const readBaseOnce = () => (base ??= ledger.readBase());
  deployment.scraping += 1;
  try {
    const page = await scrape({
      ...common,
      service,
      stage,
      urls: options.urls(),
      ledger: isLeftOut("read order") ? { ...ledger, readBase: readBaseOnce } : ledger,
      open: (url) => ({
        async readGroups(job) {
          const snapshot = await readGroups(url, job, options, process);
          return isLeftOut("stale snapshots") ? { ...snapshot, takenAtSeconds: 1e10 } : snapshot;
        },
      }),
    });
    look(page);
    if (isFloorAtRest && isFloorHeld(page)) complain("the floor held without a loss");
    return page;
  } catch (error) {
    if (!String(error).includes("READ_FAILED")) complain(`a scrape failed: ${String(error)}`);
    return undefined;
  } finally {
    deployment.scraping -= 1;
  }
}

async function readGroups(
  url: string,
  job: string,
  { world, gatewayAt }: RunOptions,
  process: Process,
): Promise<Snapshot> {
  await world.turn(process, "read groups");
  const snapshot = gatewayAt(url).snapshot(({ key }) => key["job"] === job);
  await world.travel("groups read", CALL_MS);
  if (process.fates.shift() === "late") await standStill(STANDSTILL_MS);
  if (process.isDead) await forEver();
  const isTwofold = isLeftOut("once an instance") && url === "http://alias";
  return isTwofold ? withOtherNames(snapshot) : snapshot;
}

/** What a second URL would show if instances were told apart by it. */
function withOtherNames(snapshot: Snapshot): Snapshot {
  return { ...snapshot, groups: rename(snapshot.groups) };
}

async function* rename(groups: Snapshot["groups"]): Snapshot["groups"] & AsyncGenerator {
  for await (const group of groups) {
    const instance = `1${group.key["instance"]?.slice(1)}`;
    yield { ...group, key: { ...group.key, instance } };
  }
}

function isFloorHeld(page: readonly MetricFamily[]): boolean {
  const [sample] = page.find(({ name }) => name === "metrics_page_floor_held")?.samples ?? [];
  return sample !== undefined && "value" in sample && sample.value === 1;
}
