/**
 * A random run of the whole protocol on the real code: environments that push, retirements and
 * scrapes, over Pushgateways and a ledger in memory. Every call to either is a point where anything
 * else may happen first, where an answer may be lost, and where a process may end.
 */

import type { Scheduler } from "fast-check";
import { createDefinitions } from "../../lib/metrics/definitions.ts";
import type { MetricFamily } from "../../lib/metrics/family.ts";
import type { Base, Ledger, Windows } from "../../lib/metrics/ledger.ts";
import { createMetricsClient } from "../../lib/metrics/metrics-client.ts";
import { createPusher, type PushOutcome, type PushTarget } from "../../lib/metrics/pusher.ts";
import { retire } from "../../lib/metrics/retire.ts";
import { scrape } from "../../lib/metrics/scrape.ts";
import { createTotals, type Totals } from "../../lib/metrics/totals.ts";
import { createLog } from "../../lib/log.ts";
import { createMemoryLedger } from "./memory-ledger.ts";
import { createMemoryPushgateway, type MemoryPushgateway } from "./memory-pushgateway.ts";

/** A rule of the protocol that a run may leave out, to show that it is needed. */
export type Rule =
  | "lease"
  | "conditional-write"
  | "read-order"
  | "ghosts"
  | "parking"
  | "give-up"
  | "bounded-lateness"
  | "floor";

export interface SimulationOptions {
  readonly scheduler: Scheduler;
  /** Decides everything but the order of calls. */
  readonly seed: number;
  /** Pushgateways lose their data, restart from an old file, take bodies that were cut. */
  readonly hasLoss?: boolean;
  /** Pushgateways refuse one family now and then. */
  readonly hasRejections?: boolean;
  /** The clocks of the Pushgateways are set. */
  readonly hasClockSteps?: boolean;
  readonly scrapers?: number;
  readonly pushgateways?: number;
  readonly without?: Rule;
  readonly steps?: number;
}

export interface Simulated {
  /** What went wrong; empty when every promise held. */
  readonly violations: readonly string[];
  readonly scrapes: number;
  readonly folds: number;
  readonly parked: number;
  readonly uncertain: number;
  readonly floorHeld: number;
}

const WINDOWS: Windows = {
  retireAfterSeconds: 1_800,
  leaseSeconds: 1_200,
  resendSeconds: 180,
  persistenceSeconds: 300,
  marginSeconds: 90,
};
/** A push that was taken is applied at most this much later. */
const LATEST_SECONDS = 90;
/** No request takes longer to arrive. */
const TIMEOUT_SECONDS = 10;
/** Room for all the requests of a push. */
const MAX_PUSH_SECONDS = 60;
const SERVICE = "simulated";

/** Runs once; the same options give the same run. */
export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const run = createRun(options);
  for (let step = 0; step < (options.steps ?? 150); step += 1) await run.step();
  await run.finish();
  return run.result();
}

interface SimulatedEnvironment {
  readonly record: (amount: number) => void;
  readonly push: (isClosing: boolean) => Promise<boolean>;
  readonly process: Process;
  recorded: number;
  /** Recorded when the last push took what was pending. */
  taken: number;
  acknowledged: number;
  /** Recorded at the time the parked payload was fixed, and what was surely counted before. */
  parked: { recorded: number; acknowledged: number } | undefined;
  mayBeLost: number;
  isBusy: boolean;
}

interface Process {
  isDead: boolean;
}

interface Late {
  readonly due: number;
  readonly apply: () => void;
}

function createRun(options: SimulationOptions) {
  const {
    scheduler,
    seed,
    hasLoss = false,
    hasRejections = false,
    hasClockSteps = false,
  } = options;
  const { scrapers = 1, without } = options;
  const random = createRandom(seed);
  const chance = (probability: number) => random() < probability;
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]): T | undefined => items[below(items.length)];

  let nowSeconds = 1_700_000_000;
  const violations: string[] = [];
  const stats = { scrapes: 0, folds: 0, parked: 0, uncertain: 0, floorHeld: 0 };
  const complain = (message: string) => {
    if (violations.length < 5) violations.push(message);
  };

  const clockOffsets = new Map<string, number>();
  const gateways: MemoryPushgateway[] = Array.from(
    { length: options.pushgateways ?? 1 },
    (_, i) => {
      const url = `http://pushgateway-${i}`;
      return createMemoryPushgateway(url, () => nowSeconds + (clockOffsets.get(url) ?? 0));
    },
  );
  const saved = new Map(gateways.map((gateway) => [gateway, gateway.save()]));
  const savedAt = new Map(gateways.map((gateway) => [gateway, nowSeconds]));
  const ledger = createMemoryLedger();
  let late: Late[] = [];
  const inTheAir = new Set<{ readonly process: Process; readonly atSeconds: number }>();
  /** Lets time pass, but no request may be on its way for longer than its time limit. */
  const wait = (seconds: number) => {
    const limits = [...inTheAir]
      .filter((sent) => !sent.process.isDead)
      .map((sent) => sent.atSeconds + TIMEOUT_SECONDS - nowSeconds);
    nowSeconds += Math.max(0, Math.min(seconds, ...limits));
  };
  const rejecting = new Set<string>();
  let nextInstance = 0;

  /** A point where the rest of the world may go on, and where a dead process stays for ever. */
  const turn = async (process: Process, label: string) => {
    await scheduler.schedule(Promise.resolve(), label);
    if (process.isDead) await new Promise<never>(() => {});
  };

  const applyLate = () => {
    const due = late.filter((push) => push.due <= nowSeconds);
    late = late.filter((push) => push.due > nowSeconds);
    for (const push of due) push.apply();
  };

  const targetOf = (gateway: MemoryPushgateway, process: Process): PushTarget => {
    const push = async (
      method: "put" | "post",
      key: Parameters<PushTarget["put"]>[0],
      body: string,
    ): Promise<PushOutcome> => {
      const sent = { process, atSeconds: nowSeconds };
      inTheAir.add(sent);
      await turn(process, `${method} arrives`);
      inTheAir.delete(sent);
      const outcome = decide(method, key, body);
      await turn(process, `${method} answered`);
      if (outcome.outcome === "unanswered" && without === "parking") {
        return { outcome: "refused", detail: "no answer" };
      }
      return outcome;
    };
    const decide = (
      method: "put" | "post",
      key: Parameters<PushTarget["put"]>[0],
      body: string,
    ): PushOutcome => {
      const fate = random();
      if (fate < 0.1) return { outcome: "refused", detail: "connection refused" };
      if (rejecting.has(gateway.url) && body.includes("# TYPE simulated_size_bytes ")) {
        return { outcome: "refused", status: 400, detail: "inconsistent" };
      }
      if (fate < 0.16) return { outcome: "unanswered", detail: "lost" };
      if (fate < 0.28) {
        const delay = below((without === "bounded-lateness" ? 40 : 1) * LATEST_SECONDS);
        late.push({ due: nowSeconds + delay, apply: () => gateway.apply(method, key, body) });
        return { outcome: "unanswered", detail: "late" };
      }
      if (hasLoss && fate < 0.3) {
        gateway.apply(method, key, cut(body, random()));
        return { outcome: "unanswered", detail: "cut" };
      }
      gateway.apply(method, key, body);
      return { outcome: "acknowledged" };
    };
    return {
      url: gateway.url,
      put: (key, body) => push("put", key, body),
      post: (key, body) => push("post", key, body),
    };
  };

  const createEnvironment = (): SimulatedEnvironment => {
    const process: Process = { isDead: false };
    const definitions = createDefinitions({ maxLabelSets: 20 });
    const totals = watch(without === "give-up" ? carryDoubtful(createTotals()) : createTotals(), {
      onTake() {
        environment.taken = environment.recorded;
      },
      onSurrender() {
        stats.parked += 1;
        // Only one payload is parked at a time: the one before was answered.
        const { taken, acknowledged, parked } = environment;
        environment.acknowledged = Math.max(acknowledged, parked?.recorded ?? 0);
        environment.parked = { recorded: taken, acknowledged: environment.acknowledged };
      },
    });
    const pusher = createPusher({
      totals,
      targets: gateways.map((gateway) => targetOf(gateway, process)),
      key: { job: SERVICE, component: "c", environment: "e" },
      lease: {
        leaseMs: without === "lease" ? 1e12 : WINDOWS.leaseSeconds * 1_000,
        resendMs: WINDOWS.resendSeconds * 1_000,
        maxAgeMs: 6 * 3_600_000,
      },
      clock: () => ({ wallMs: nowSeconds * 1_000, monotonicMs: nowSeconds * 1_000 }),
      newInstance: () => instanceName((nextInstance += 1)),
      onEvent(event) {
        if (event.type !== "uncertain" || environment.parked === undefined) return;
        stats.uncertain += 1;
        environment.mayBeLost += environment.parked.recorded - environment.parked.acknowledged;
        environment.parked = undefined;
      },
    });
    const environment: SimulatedEnvironment = {
      process,
      recorded: 0,
      taken: 0,
      acknowledged: 0,
      parked: undefined,
      mayBeLost: 0,
      isBusy: false,
      record(amount) {
        const client = createMetricsClient(definitions, ({ detail }) => complain(detail));
        client.increment("simulated_events_total", amount, { kind: `k${below(3)}` });
        client.histogram("simulated_size_bytes", amount * 1_000.25);
        client.gauge("simulated_level", amount);
        for (const recorded of client.collect()) totals.merge(recorded);
        environment.recorded += amount;
      },
      async push(isClosing) {
        environment.isBusy = true;
        const isDone = await pusher.push({ timeoutMs: MAX_PUSH_SECONDS * 1_000, isClosing });
        environment.isBusy = false;
        if (isDone) {
          environment.acknowledged = environment.taken;
          environment.parked = undefined;
        }
        return isDone;
      },
    };
    return environment;
  };

  const ledgerOf = (process: Process): Ledger => ({
    async readBase() {
      await turn(process, "read base");
      return maskBase(ledger.base);
    },
    async writeBase(base) {
      await turn(process, "write base");
      if (without === "conditional-write") {
        return ledger.writeBase({ ...base, version: ledger.base.version + 1 });
      }
      const isWritten = await ledger.writeBase(base);
      if (isWritten) stats.folds += 1;
      await turn(process, "base written");
      return isWritten;
    },
    async readFloor() {
      await turn(process, "read floor");
      return without === "floor" ? { ...ledger.floor, families: [] } : ledger.floor;
    },
    async writeFloor(floor) {
      await turn(process, "write floor");
      return ledger.writeFloor(floor);
    },
  });
  const maskBase = (base: Base): Base => {
    if (without !== "ghosts") return base;
    return {
      ...base,
      pushgateways: base.pushgateways.map((state) => ({ ...state, horizonSeconds: 0 })),
    };
  };

  const gatewayOf = (url: string) => {
    const gateway = gateways.find((one) => one.url === url);
    if (gateway === undefined) throw new Error(`no Pushgateway at ${url}`);
    return gateway;
  };
  const readerOf = (url: string, process: Process) => ({
    async readGroups() {
      await turn(process, "read groups");
      const snapshot = gatewayOf(url).snapshot();
      await turn(process, "groups read");
      return snapshot;
    },
  });
  const common = { service: SERVICE, urls: gateways.map(({ url }) => url), timeoutMs: 1_000 };

  const startRetirement = () => {
    const process: Process = { isDead: false };
    retirements.push(process);
    const done = retire({
      ...common,
      windows: WINDOWS,
      ledger: ledgerOf(process),
      open: (url) => ({
        url,
        ...readerOf(url, process),
        async remove(key) {
          await turn(process, "delete");
          gatewayOf(url).remove(key);
          return true;
        },
      }),
      log: createLog({ level: "silent" }),
      nowMs: () => nowSeconds * 1_000,
    });
    return done
      .catch((error: unknown) => complain(`retirement failed: ${String(error)}`))
      .finally(() => retirements.splice(retirements.indexOf(process), 1));
  };

  const served = new Map<string, number>();
  const startScrape = async (isOnlyOne: boolean) => {
    const process: Process = { isDead: false };
    running += 1;
    const before = new Map(served);
    try {
      let first: Base | undefined;
      const real = ledgerOf(process);
      const page = await scrape({
        ...common,
        windows: WINDOWS,
        ledger:
          without === "read-order"
            ? { ...real, readBase: async () => (first ??= await real.readBase()) }
            : real,
        open: (url) => readerOf(url, process),
      });
      stats.scrapes += 1;
      checkPage(page, before, isOnlyOne);
    } catch (error) {
      if (!String(error).includes("READ_FAILED")) complain(`scrape failed: ${String(error)}`);
    } finally {
      running -= 1;
    }
  };

  const checkPage = (
    page: readonly MetricFamily[],
    before: ReadonlyMap<string, number>,
    isOnlyOne: boolean,
  ) => {
    const values = flatten(page);
    for (const [series, value] of before) {
      const now = values.get(series) ?? 0;
      if (now < value) complain(`${series} fell from ${value} to ${now}`);
    }
    for (const [series, value] of values) {
      served.set(series, Math.max(value, served.get(series) ?? 0));
    }
    const events = totalOf(values);
    if (events > recorded) complain(`counted ${events} of ${recorded} recorded`);
    const isHeld = gaugeOf(page, "metrics_page_floor_held") === 1;
    if (isHeld) stats.floorHeld += 1;
    if (isHeld && isOnlyOne && !hasLoss && !hasClockSteps)
      complain("the floor held without a loss");
  };

  let recorded = 0;
  let running = 0;
  let environments: SimulatedEnvironment[] = [];
  const ended: SimulatedEnvironment[] = [];
  const retirements: Process[] = [];
  const pushes: Promise<unknown>[] = [];
  const end = (environment: SimulatedEnvironment) => {
    environment.process.isDead = true;
    environments = environments.filter((other) => other !== environment);
    ended.push(environment);
  };
  const push = (environment: SimulatedEnvironment, isClosing = false) => {
    if (environment.isBusy) return;
    const pushed = environment.push(isClosing);
    pushes.push(pushed);
    if (isClosing) void pushed.then(() => end(environment));
  };

  const losses = () => {
    const gateway = pick(gateways);
    if (gateway === undefined || !hasLoss) return;
    const hasFile = nowSeconds - (savedAt.get(gateway) ?? 0) < WINDOWS.persistenceSeconds;
    if (chance(0.5)) {
      late = [];
      if (hasFile) gateway.restore(saved.get(gateway) ?? new Map());
      else gateway.restore(new Map());
    } else {
      saved.set(gateway, gateway.save());
      savedAt.set(gateway, nowSeconds);
    }
  };

  const step = async () => {
    applyLate();
    const kind = random();
    const environment = pick(environments);
    if (kind < 0.08 && environments.length < 6) environments.push(createEnvironment());
    else if (kind < 0.42 && environment !== undefined) {
      const amount = 1 + below(3);
      recorded += amount;
      environment.record(amount);
      if (chance(0.9)) push(environment);
    } else if (kind < 0.46 && environment !== undefined) push(environment, true);
    else if (kind < 0.49 && environment !== undefined) end(environment);
    else if (kind < 0.58) wait(below(240));
    else if (kind < 0.61) wait(below(1_300));
    else if (kind < 0.68 && retirements.length < 2) void startRetirement();
    else if (kind < 0.69 && retirements.length > 0) kill(pick(retirements));
    else if (kind < 0.71) losses();
    else if (kind < 0.72 && hasRejections) toggleRejection(pick(gateways));
    else if (kind < 0.725 && hasClockSteps) setClock(pick(gateways));
    else if (kind < 0.8 && running < scrapers) void startScrape(scrapers === 1);
    const calls = below(4);
    for (let call = 0; call < calls && scheduler.count() > 0; call += 1) await scheduler.waitOne();
  };

  const kill = (process: Process | undefined) => {
    if (process === undefined) return;
    process.isDead = true;
    retirements.splice(retirements.indexOf(process), 1);
  };
  const toggleRejection = (gateway: MemoryPushgateway | undefined) => {
    if (gateway === undefined) return;
    if (!rejecting.delete(gateway.url)) rejecting.add(gateway.url);
  };
  const setClock = (gateway: MemoryPushgateway | undefined) => {
    if (gateway === undefined) return;
    const step = (chance(0.5) ? 1 : -1) * (60 + below(7_200));
    clockOffsets.set(gateway.url, (clockOffsets.get(gateway.url) ?? 0) + step);
  };

  /** Lets everything come to rest, then holds what is counted against what was recorded. */
  const finish = async () => {
    rejecting.clear();
    await drain();
    for (let round = 0; round < 60; round += 1) {
      const open = environments.filter(
        (environment) => environment.acknowledged !== environment.recorded,
      );
      for (const environment of open) push(environment);
      await drain();
    }
    nowSeconds += LATEST_SECONDS * (without === "bounded-lateness" ? 40 : 1);
    applyLate();
    for (let round = 0; round < 4; round += 1) {
      void startRetirement();
      await drain();
    }
    void startScrape(true);
    await drain();
    const counted = totalOf(served);
    const mayBeLost = [...environments, ...ended].reduce(
      (all, { recorded, acknowledged, mayBeLost, process }) =>
        all + mayBeLost + (process.isDead ? recorded - acknowledged : 0),
      0,
    );
    const unsettled = environments.filter(
      ({ recorded, acknowledged }) => recorded !== acknowledged,
    );
    if (unsettled.length > 0) complain("an environment could not push for 60 rounds");
    if (counted > recorded) complain(`at the end counted ${counted} of ${recorded} recorded`);
    if (!hasLoss && !hasClockSteps && counted < recorded - mayBeLost) {
      complain(`at the end counted ${counted} of ${recorded} recorded, ${mayBeLost} may be lost`);
    }
  };
  const drain = async () => {
    while (scheduler.count() > 0) await scheduler.waitOne();
    await new Promise((resolve) => setImmediate(resolve));
    if (scheduler.count() > 0) await drain();
  };

  return { step, finish, result: (): Simulated => ({ violations, ...stats }) };
}

/** Tells when sums are taken into flight, and when they are left to a parked payload. */
function watch(totals: Totals, told: { onTake: () => void; onSurrender: () => void }): Totals {
  return {
    ...totals,
    take(isIncluded) {
      told.onTake();
      totals.take(isIncluded);
    },
    settle: (fate, isIncluded) => {
      if (fate === "surrendered") told.onSurrender();
      return totals.settle(fate, isIncluded);
    },
  };
}

/** Without the rule that a doubtful sum is at most once counted: parked and carried on as well. */
function carryDoubtful(totals: Totals): Totals {
  return {
    ...totals,
    settle: (fate, isIncluded) => {
      if (fate !== "surrendered") return totals.settle(fate, isIncluded);
      totals.settle("pending", isIncluded);
      return 0;
    },
  };
}

/** Every value that may never fall, by series. */
function flatten(page: readonly MetricFamily[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const family of page) {
    if (family.type === "gauge") continue;
    for (const sample of family.samples) {
      const series = `${family.name} ${JSON.stringify(sample.labels)}`;
      if ("value" in sample) values.set(series, sample.value);
      else {
        for (const [le, count] of sample.buckets) values.set(`${series} ${le}`, count);
        values.set(`${series} sum`, sample.sum);
        values.set(`${series} count`, sample.count);
      }
    }
  }
  return values;
}

function totalOf(values: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const [series, value] of values) {
    if (series.startsWith("simulated_events_total ")) total += value;
  }
  return total;
}

function gaugeOf(page: readonly MetricFamily[], name: string): number {
  const [sample] = page.find((family) => family.name === name)?.samples ?? [];
  return sample !== undefined && "value" in sample ? sample.value : NaN;
}

/** A body cut at the end of a line, as a Pushgateway before 1.6.0 takes for whole. */
function cut(body: string, where: number): string {
  const lines = body.split("\n").slice(0, -1);
  return lines
    .slice(0, Math.floor(where * lines.length))
    .map((line) => `${line}\n`)
    .join("");
}

function instanceName(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

/** A small generator of numbers from 0 to 1 (mulberry32); the same seed gives the same ones. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
