/**
 * The whole protocol on the real code: environments that push, retirements and scrapes, over
 * Pushgateways and a ledger in memory. Every call to either is a point where anything else may happen
 * first, where an answer may be lost, and where a process may end.
 */

import type { Group, LabelSet } from "../../../lib/metrics/family.ts";
import { isGroupOf } from "../../../lib/metrics/read/deployment.ts";
import { createMemoryPushgateway, type MemoryPushgateway } from "../memory-pushgateway.ts";
import { isLeftOut } from "./left-out.ts";
import { createReckoning } from "./reckoning.ts";
import { runRetirement, runScrape, type Service } from "./runs.ts";
import { startSimulatedEnvironment, type SimulatedEnvironment } from "./simulated-environment.ts";
import { createSimulatedLedger } from "./simulated-ledger.ts";
import { nowSeconds, WINDOWS, type Fate, type World } from "./world.ts";

/** What may happen in a run, beside pushes that are lost or late and processes that end. */
export interface Kind {
  /** Pushgateways; default 1. */
  readonly pushgateways?: number;
  /** Scrapes at a time; default 1. */
  readonly scrapers?: number;
  /** Longest time between two commands; default a bit more than a lease. */
  readonly longestWaitSeconds?: number;
  /** Pushgateways refuse one family now and then. */
  readonly hasRejections?: boolean;
  /** The clocks of the Pushgateways are set. */
  readonly hasClockSteps?: boolean;
  /** Those of the environments are set, or stand still. */
  readonly hasOwnClockSteps?: boolean;
  /** The first Pushgateway is listed under a second URL too. */
  readonly hasAlias?: boolean;
  /** Deployments change the list of Pushgateways. */
  readonly hasDeployments?: boolean;
  /** The bounds of a histogram differ between environments. */
  readonly hasBounds?: boolean;
  /** Functions of two stages, and someone else, share the Pushgateways. */
  readonly isShared?: boolean;
  /** Environments flush now and then, and are invoked often. */
  readonly isAdaptive?: boolean;
  /** Bodies are cut on their way. */
  readonly hasCuts?: boolean;
  /** Pushgateways start again, empty or from an old file. */
  readonly hasLoss?: boolean;
}

export type System = ReturnType<typeof createSystem>;

/** How long environments of an older deployment may live; less than a window. */
const OUTGOING_SECONDS = 1_200;
const BOUNDS = [
  [1_000, 4_000],
  [2_000, 4_000, 16_000],
] as const;
const MAX_ENVIRONMENTS = 6;
const EMPTY: ReadonlyMap<string, Group> = new Map();
const NEVER_SAVED = { file: EMPTY, savedAt: 0, backup: EMPTY };

/** Opens a system in which nothing has happened yet. */
export function createSystem(
  world: World,
  kind: Kind,
  { complain }: { complain: (violation: string) => void },
) {
  const { hasLoss = false, hasCuts = false, hasClockSteps = false, hasRejections = false } = kind;
  const { hasOwnClockSteps = false, isAdaptive = false, scrapers = 1 } = kind;
  /** What was acknowledged may be lost. */
  const isLossy = hasLoss || hasCuts;

  const clockOffsets = new Map<MemoryPushgateway, number>();
  const clockOf = (gateway: MemoryPushgateway) => nowSeconds() + (clockOffsets.get(gateway) ?? 0);
  const gateways = Array.from({ length: kind.pushgateways ?? 1 }, (_, i) => {
    const gateway: MemoryPushgateway = createMemoryPushgateway(`http://pushgateway-${i}`, () =>
      clockOf(gateway),
    );
    return gateway;
  });
  const places = new Map(gateways.map((gateway) => [gateway.url, gateway]));
  const [first] = gateways;
  if (kind.hasAlias === true && first !== undefined) places.set("http://alias", first);
  const gatewayOf = (at: number) => gateways[at % gateways.length] as MemoryPushgateway;
  const gatewayAt = (url: string) => {
    const gateway = places.get(url);
    if (gateway === undefined) throw new Error(`no Pushgateway at ${url}`);
    return gateway;
  };
  /** The Pushgateways of the newest deployment. */
  let configured: readonly string[] = [...places.keys()];
  const rejecting = new Set<MemoryPushgateway>();
  const files = new Map<MemoryPushgateway, typeof NEVER_SAVED>();
  let instances = 0;

  const allGroups = () => gateways.flatMap((gateway) => [...gateway.save().values()]);

  const openService = (service: string, stage: string): Service => ({
    service,
    stage,
    reckoning: createReckoning((violation) => complain(`${service} ${stage}: ${violation}`)),
    ledger: createSimulatedLedger(world),
    retirements: [],
    scraping: 0,
  });
  const services = [openService("trades", "prod")];
  if (kind.isShared === true) {
    services.push(openService("trades", "dev"));
    first?.apply("put", FOREIGN_KEY, FOREIGN_BODY);
  }

  /** Starts an environment, if there is room for one more. */
  const start = (variant: number): SimulatedEnvironment | undefined => {
    const { reckoning, service, stage } = services[variant % services.length] as Service;
    if (reckoning.living().length >= MAX_ENVIRONMENTS) return undefined;
    const bounds =
      BOUNDS[kind.hasBounds === true ? Math.floor(variant / 2) % BOUNDS.length : 0] ?? [];
    const environment = startSimulatedEnvironment(world, {
      service,
      stage,
      component: kind.isShared === true && variant % 3 === 0 ? "list-trades" : "publish-trades",
      bounds,
      isAdaptive,
      hasRejections,
      isFrozen: hasOwnClockSteps && variant % 5 < 2,
      places: new Map([...places].filter(([url]) => configured.includes(url))),
      rejecting,
      newInstance: () => instanceName((instances += 1)),
      complain,
    });
    reckoning.environments.push(environment);
    return environment;
  };

  /** Whether a retirement has seen, under each of its URLs, how this clock is set; one runs every minute. */
  const isClockSeen = (gateway: MemoryPushgateway, { ledger }: Service) => {
    const urls = [...places].flatMap(([url, place]) => (place === gateway ? [url] : []));
    const offset = clockOffsets.get(gateway) ?? 0;
    return urls.every((url) => {
      const seen = ledger.base().pushgateways.find((state) => state.url === url);
      return Math.abs((seen?.offsetSeconds ?? Infinity) - offset) <= 30;
    });
  };

  const runs = {
    world,
    urls: () => configured,
    gatewayAt,
    nowMs: () =>
      isLeftOut("clock watch") && first !== undefined ? clockOf(first) * 1_000 : Date.now(),
    complain,
  };
  const expectation = (service: Service) => ({
    // Until a retirement has seen that a clock was set back, new pushes may be behind the horizon.
    isEverythingDue:
      !isLossy && (!hasClockSteps || gateways.every((gateway) => isClockSeen(gateway, service))),
    // Scrapes that overlap may meet the floor of a later one.
    isFloorAtRest: !isLossy && !hasClockSteps && scrapers === 1,
  });

  return {
    world,
    kind,
    isLossy,
    services,
    complain,
    start,
    retire: (service: Service, fates: readonly Fate[]) => runRetirement(runs, service, fates),
    scrape: (service: Service, fates: readonly Fate[]) =>
      runScrape({ ...runs, ...expectation(service) }, service, fates),
    toggleRejection(at: number) {
      const gateway = gatewayOf(at);
      if (!rejecting.delete(gateway)) rejecting.add(gateway);
    },
    setClock(at: number, bySeconds: number) {
      const gateway = gatewayOf(at);
      if (!services.every((service) => isClockSeen(gateway, service))) return;
      clockOffsets.set(gateway, (clockOffsets.get(gateway) ?? 0) + bySeconds);
    },
    /** Writes the persistence file of a Pushgateway; now and then it is kept as a backup. */
    save(at: number, isBackup: boolean) {
      const gateway = gatewayOf(at);
      const backup = files.get(gateway)?.backup ?? EMPTY;
      const file = gateway.save();
      files.set(gateway, { file, savedAt: nowSeconds(), backup: isBackup ? file : backup });
    },
    /** Starts a Pushgateway again, from its backup or from its file, if it writes one. */
    restart(at: number, isFromBackup: boolean) {
      const gateway = gatewayOf(at);
      const { file, savedAt, backup } = files.get(gateway) ?? NEVER_SAVED;
      const isRecent = nowSeconds() - savedAt < WINDOWS.persistenceSeconds;
      gateway.restore(isFromBackup ? backup : isRecent ? file : EMPTY);
    },
    /** Chooses another list of Pushgateways, once a retirement has seen the last; one runs every minute. */
    deploy(mask: number) {
      for (const { ledger } of services) {
        const known = ledger
          .base()
          .pushgateways.flatMap(({ url, vacantSinceSeconds }) =>
            vacantSinceSeconds === undefined ? [url] : [],
          );
        if (!configured.every((url) => known.includes(url))) return;
      }
      const chosen = [...places.keys()].filter((_, i) => ((mask >> i) & 1) === 1);
      if (chosen.length > 0) configured = chosen;
      const outgoing = services.flatMap(({ reckoning }) => reckoning.living());
      setTimeout(() => {
        for (const { process } of outgoing) process.isDead = true;
      }, OUTGOING_SECONDS * 1_000);
    },
    /** Groups of a service that are left. */
    countGroups: (service: Service) => allGroups().filter((one) => isGroupOf(service, one)).length,
    hasForeignGroup: () => kind.isShared !== true || allGroups().some(({ key }) => isForeign(key)),
    /** All Pushgateways take everything again. */
    recover: () => rejecting.clear(),
  };
}

/** A group of someone else, who has no ids like ours. */
const FOREIGN_KEY = { job: "trades", instance: "10.0.0.1:9100" };
const isForeign = ({ instance }: LabelSet) => instance === FOREIGN_KEY.instance;
const FOREIGN_BODY =
  '# HELP simulated_events_total Events.\n# TYPE simulated_events_total counter\nsimulated_events_total{kind="k0"} 7\n';

function instanceName(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}
