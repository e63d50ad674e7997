/**
 * A random run of the whole protocol on the real code: environments that push, retirements and
 * scrapes, over Pushgateways and a ledger in memory. Every call to either is a point where anything
 * else may happen first, where an answer may be lost, and where a process may end.
 */

import { createLog } from "../../../lib/log.ts";
import type { LabelSet, MetricFamily, Snapshot } from "../../../lib/metrics/family.ts";
import { retire } from "../../../lib/metrics/retire/retire.ts";
import { scrape } from "../../../lib/metrics/page/scrape.ts";
import { createMemoryPushgateway, type MemoryPushgateway } from "../memory-pushgateway.ts";
import { countsOf, firstLess, flatten, gaugeOf, noCounts, sumOf, type Counts } from "./counts.ts";
import {
  createSimulatedEnvironment,
  SERVICE,
  STAGE,
  type SimulatedEnvironment,
} from "./simulated-environment.ts";
import { createSimulatedLedger } from "./simulated-ledger.ts";
import { createWorld, WINDOWS, type Process, type World, type WorldOptions } from "./world.ts";

export interface SimulationOptions extends WorldOptions {
  /** Pushgateways lose their data, restart from an old file, take bodies that were cut. */
  readonly hasLoss?: boolean;
  /** Pushgateways refuse one family now and then. */
  readonly hasRejections?: boolean;
  /** The clocks of the Pushgateways are set. */
  readonly hasClockSteps?: boolean;
  /** The first Pushgateway is listed under a second URL too. */
  readonly hasAlias?: boolean;
  /** Deployments change the list of Pushgateways. */
  readonly hasDeployments?: boolean;
  readonly scrapers?: number;
  readonly pushgateways?: number;
  /** Longest time between two steps. Default: a bit more than a lease. */
  readonly longestWaitSeconds?: number;
  readonly steps?: number;
}

export interface Simulated {
  /** What went wrong; empty when every promise held. */
  readonly violations: readonly string[];
  /** How often what happened, to see that a run is worth something. */
  readonly stats: Readonly<Record<Stat, number>>;
}

/** How long environments of an older deployment may live; less than a window. */
const OUTGOING_SECONDS = 1_200;

const STATS = ["scrapes", "unserved", "folds", "uncertain", "lastWords", "held", "losses"] as const;
type Stat = (typeof STATS)[number];

/** Runs once; the same options give the same run. */
export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const world = createWorld(options);
  const run = createRun(world, options);
  for (let step = 0; step < (options.steps ?? 150); step += 1) await run.step();
  await run.finish();
  return { violations: world.violations, stats: run.stats };
}

function createRun(world: World, options: SimulationOptions) {
  const { random, complain, without } = world;
  const { hasLoss = false, hasRejections = false, hasClockSteps = false } = options;
  const {
    hasAlias = false,
    hasDeployments = false,
    scrapers = 1,
    pushgateways = 1,
    longestWaitSeconds = 1_300,
  } = options;
  const stats = Object.fromEntries(STATS.map((stat) => [stat, 0])) as Record<Stat, number>;

  const clockOffsets = new Map<MemoryPushgateway, number>();
  const clockOf = (gateway: MemoryPushgateway) =>
    world.nowSeconds() + (clockOffsets.get(gateway) ?? 0);
  const gateways = Array.from({ length: pushgateways }, (_, i) => {
    const gateway: MemoryPushgateway = createMemoryPushgateway(`http://pushgateway-${i}`, () =>
      clockOf(gateway),
    );
    return gateway;
  });
  const places = new Map(gateways.map((gateway) => [gateway.url, gateway]));
  const [first] = gateways;
  if (hasAlias && first !== undefined) places.set("http://alias", first);
  /** The Pushgateways of the newest deployment. */
  let configured: readonly string[] = [...places.keys()];
  /** Environments of older ones, and when Lambda has ended them all. */
  let outgoing: { environments: SimulatedEnvironment[]; dueSeconds: number }[] = [];
  const rejecting = new Set<MemoryPushgateway>();
  const files = new Map(gateways.map((gateway) => [gateway, createFiles(gateway)]));

  const ledger = createSimulatedLedger(world, { onFold: () => (stats.folds += 1) });
  const environments: SimulatedEnvironment[] = [];
  const living = () => environments.filter(({ process }) => !process.isDead);
  const recorded = () => sumOf(environments.map((environment) => environment.recorded));
  const acknowledged = () => sumOf(environments.map(({ truth }) => truth.acknowledged()));
  let instances = 0;
  const retirements: Process[] = [];
  let scraping = 0;

  function createFiles(gateway: MemoryPushgateway) {
    const file = gateway.save();
    return { file, savedAtSeconds: world.nowSeconds(), backup: file };
  }

  const startEnvironment = () => {
    environments.push(
      createSimulatedEnvironment(world, {
        places: new Map([...places].filter(([url]) => configured.includes(url))),
        rejecting,
        hasCuts: hasLoss,
        newInstance: () => instanceName((instances += 1)),
        onUncertain: () => (stats.uncertain += 1),
      }),
    );
  };

  const push = (environment: SimulatedEnvironment, isClosing = false) => {
    if (environment.isBusy) return;
    void environment.push(isClosing).then(() => {
      if (isClosing) environment.process.isDead = true;
    });
  };

  const crash = (environment: SimulatedEnvironment) => {
    const uncertainBefore = stats.uncertain;
    const areHeard = environment.crash();
    stats.lastWords += Number(areHeard);
    // What had been on its way for too long may not be said again: it counts if it arrives by itself.
    const isSomethingUnsaid = stats.uncertain > uncertainBefore;
    if (!areHeard || isSomethingUnsaid || rejecting.size > 0) return;
    const { truth, recorded } = environment;
    const lost = firstLess(sumOf([truth.acknowledged(), truth.doubtful()]), recorded);
    // A family that was rejected before is left out of the last words.
    if (lost !== undefined && !hasRejections) complain(`last words lost ${lost}`);
  };

  const gatewayAt = (url: string) => {
    const gateway = places.get(url);
    if (gateway === undefined) throw new Error(`no Pushgateway at ${url}`);
    return gateway;
  };
  const readGroups = async (url: string, process: Process) => {
    await world.turn(process, "read groups");
    const snapshot = gatewayAt(url).snapshot();
    await world.travel(process, "groups read", () => {});
    const isTwofold = without === "once an instance" && url === "http://alias";
    return isTwofold ? withOtherNames(snapshot) : snapshot;
  };
  const common = { service: SERVICE, stage: STAGE, timeoutMs: 1_000, windows: WINDOWS };

  const startRetirement = async () => {
    const process: Process = { isDead: false };
    retirements.push(process);
    const remove = async (url: string, key: LabelSet) => {
      const happen = () => gatewayAt(url).remove(key);
      await world.travel(process, "delete", () => world.later(gatewayAt(url), happen));
      if (random.chance(0.1)) return false;
      happen();
      return true;
    };
    try {
      await retire({
        ...common,
        urls: configured,
        ledger: ledger.for(process),
        open: (url) => ({
          url,
          readGroups: () => readGroups(url, process),
          remove: (key) => remove(url, key),
        }),
        log: createLog({ level: "silent" }),
        nowMs: () =>
          (without === "clock watch" && first !== undefined ? clockOf(first) : world.nowSeconds()) *
          1_000,
      });
    } catch (error) {
      if (!String(error).includes("READ_FAILED")) complain(`retirement failed: ${String(error)}`);
    } finally {
      process.isDead = true;
    }
  };

  const served = new Map<string, number>();
  const startScrape = async (): Promise<readonly MetricFamily[] | undefined> => {
    const process: Process = { isDead: false };
    // Until a retirement has seen that a clock was set back, new pushes may be behind the horizon.
    const isDue = !hasLoss && (!hasClockSteps || gateways.every(isClockSeen));
    const [before, due] = [new Map(served), isDue ? acknowledged() : noCounts()];
    scraping += 1;
    try {
      const page = await scrape({
        ...common,
        urls: configured,
        ledger: without === "read order" ? ledger.readingOnce(process) : ledger.for(process),
        open: (url) => ({
          async readGroups() {
            const snapshot = await readGroups(url, process);
            return without === "stale snapshots" ? { ...snapshot, takenAtSeconds: 1e10 } : snapshot;
          },
        }),
      });
      stats.scrapes += 1;
      checkPage(page, before, due);
      return page;
    } catch (error) {
      if (!String(error).includes("READ_FAILED")) complain(`scrape failed: ${String(error)}`);
      stats.unserved += 1;
      return undefined;
    } finally {
      scraping -= 1;
    }
  };

  const checkPage = (
    page: readonly MetricFamily[],
    before: ReadonlyMap<string, number>,
    due: Counts,
  ) => {
    const values = flatten(page);
    for (const [series, value] of before) {
      const now = values.get(series) ?? 0;
      if (now < value) complain(`${series} fell from ${value} to ${now}`);
    }
    for (const [series, value] of values) {
      served.set(series, Math.max(value, served.get(series) ?? 0));
    }
    const counted = sumOf([countsOf(page)]);
    const tooMuch = firstLess(recorded(), counted);
    if (tooMuch !== undefined) complain(`recorded only ${tooMuch} served`);
    const missing = firstLess(counted, due);
    if (missing !== undefined) complain(`served only ${missing} acknowledged`);
    if (gaugeOf(page, "metrics_page_floor_held") !== 1) return;
    stats.held += 1;
    // Scrapes that overlap may meet the floor of a later one.
    if (scrapers === 1 && !hasLoss && !hasClockSteps) complain("the floor held without a loss");
  };

  const lose = (gateway: MemoryPushgateway) => {
    const kept = files.get(gateway);
    if (kept === undefined) return;
    if (random.chance(0.5)) {
      kept.file = gateway.save();
      kept.savedAtSeconds = world.nowSeconds();
      if (random.chance(0.1)) kept.backup = kept.file;
      return;
    }
    stats.losses += 1;
    world.dropLate(gateway);
    const isRecent = world.nowSeconds() - kept.savedAtSeconds < WINDOWS.persistenceSeconds;
    if (random.chance(0.1)) gateway.restore(kept.backup);
    else gateway.restore(isRecent ? kept.file : new Map());
  };

  /** Whether a retirement has seen, under each of its URLs, how this clock is set; one runs every minute. */
  const isClockSeen = (gateway: MemoryPushgateway) => {
    const urls = [...places].flatMap(([url, place]) => (place === gateway ? [url] : []));
    const offset = clockOffsets.get(gateway) ?? 0;
    return urls.every((url) => {
      const seen = ledger.base().pushgateways.find((state) => state.url === url);
      return Math.abs((seen?.offsetSeconds ?? Infinity) - offset) <= 30;
    });
  };
  const setClock = (gateway: MemoryPushgateway) => {
    if (!isClockSeen(gateway)) return;
    const step = (random.chance(0.5) ? 1 : -1) * (60 + random.below(7_200));
    clockOffsets.set(gateway, (clockOffsets.get(gateway) ?? 0) + step);
  };

  const toggleRejection = (gateway: MemoryPushgateway) => {
    if (!rejecting.delete(gateway)) rejecting.add(gateway);
  };

  /** Chooses another list, once a retirement has seen the last; one runs every minute. */
  const deploy = () => {
    const { pushgateways } = ledger.base();
    const seen = pushgateways.filter(({ vacantSinceSeconds }) => vacantSinceSeconds === undefined);
    const known = seen.map(({ url }) => url);
    if (!configured.every((url) => known.includes(url))) return;
    const chosen = [...places.keys()].filter(() => random.chance(0.5));
    if (chosen.length > 0) configured = chosen;
    const dueSeconds = world.nowSeconds() + OUTGOING_SECONDS;
    outgoing.push({ environments: living(), dueSeconds });
  };
  const endOutgoing = (nowSeconds: number) => {
    const due = outgoing.filter(({ dueSeconds }) => dueSeconds <= nowSeconds);
    outgoing = outgoing.filter(({ dueSeconds }) => dueSeconds > nowSeconds);
    for (const { environments } of due)
      for (const { process } of environments) process.isDead = true;
  };

  const step = async () => {
    endOutgoing(world.nowSeconds());
    world.happenLate();
    const kind = random.next();
    const environment = random.pick(living());
    const gateway = random.pick(gateways);
    const running = retirements.filter(({ isDead }) => !isDead);
    const retirement = random.pick(running);
    if (kind < 0.08 && living().length < 6) startEnvironment();
    else if (kind < 0.42 && environment !== undefined) {
      environment.record();
      if (random.chance(0.9)) push(environment);
    } else if (kind < 0.46 && environment !== undefined) push(environment, true);
    else if (kind < 0.475 && environment !== undefined) environment.process.isDead = true;
    else if (kind < 0.49 && environment !== undefined) crash(environment);
    else if (kind < 0.58) world.wait(random.below(240));
    else if (kind < 0.61) world.wait(random.below(longestWaitSeconds));
    else if (kind < 0.68 && running.length < 2) void startRetirement();
    else if (kind < 0.69 && retirement !== undefined) retirement.isDead = true;
    else if (kind < 0.71 && hasLoss && gateway !== undefined) lose(gateway);
    else if (kind < 0.72 && hasRejections && gateway !== undefined) toggleRejection(gateway);
    else if (kind < 0.725 && hasClockSteps && gateway !== undefined) setClock(gateway);
    else if (kind < 0.745 && hasDeployments) deploy();
    else if (kind < 0.8 && scraping < scrapers) void startScrape();
    const calls = random.below(4);
    for (let call = 0; call < calls && world.scheduler.count() > 0; call += 1) {
      await world.scheduler.waitOne();
    }
  };

  const drain = async (): Promise<void> => {
    while (world.scheduler.count() > 0) await world.scheduler.waitOne();
    await new Promise((resolve) => setImmediate(resolve));
    if (world.scheduler.count() > 0) await drain();
  };
  /** One that the ledger answers; its answers are lost now and then. */
  const scrapeInTheEnd = async () => {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const scraped = startScrape();
      await drain();
      const page = await scraped;
      if (page !== undefined) return page;
    }
    complain("nothing could be scraped in the end");
    return [];
  };
  const retireInTheEnd = async () => {
    for (let round = 0; round < 4; round += 1) {
      void startRetirement();
      await drain();
    }
  };

  /** Lets everything come to rest, then holds what is counted against what was recorded. */
  const finish = async () => {
    rejecting.clear();
    endOutgoing(Infinity);
    await drain();
    // A rejected family is asked for again only after a lease.
    for (let round = 0; round < 80; round += 1) {
      const restless = living().filter((environment) => !environment.isAtRest());
      if (restless.length === 0) break;
      for (const environment of restless) push(environment);
      await drain();
      if (round >= 40) world.wait(60);
    }
    for (const environment of living()) {
      if (!environment.isAtRest()) complain("an environment could not push for 80 rounds");
    }
    world.wait(WINDOWS.marginSeconds * (without === "bounded lateness" ? 60 : 1));
    world.happenLate();
    await retireInTheEnd();
    const page = await scrapeInTheEnd();
    if (hasLoss) return;
    const missing = firstLess(sumOf([countsOf(page)]), acknowledged());
    if (missing !== undefined) complain(`in the end served only ${missing} acknowledged`);

    // Everything ends: every group is folded, and the page is the same as before. A clock that was
    // set back has to pass the last pushes first.
    const groups = () => gateways.reduce((all, { size }) => all + size, 0);
    for (let window = 0; window < 2 || (groups() > 0 && window < 50); window += 1) {
      world.wait(WINDOWS.retireAfterSeconds + 60);
      await retireInTheEnd();
    }
    const left = groups();
    if (left > 0) complain(`${left} groups left of ${instances} incarnations`);
    const last = await scrapeInTheEnd();
    const lost = firstLess(sumOf([countsOf(last)]), sumOf([countsOf(page)]));
    if (lost !== undefined) complain(`folding lost ${lost}`);
  };

  return { step, finish, stats };
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

function instanceName(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}
