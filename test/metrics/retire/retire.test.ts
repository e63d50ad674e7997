import { describe, expect, it } from "vitest";
import { createLog } from "../../../lib/log.ts";
import { DEFAULT_WINDOWS, listedUrls } from "../../../lib/metrics/retire/ledger.ts";
import type { Group, LabelSet } from "../../../lib/metrics/family.ts";
import {
  planRetirement,
  type RetirablePushgateway,
} from "../../../lib/metrics/retire/retirement-plan.ts";
import { retire, type RetireOptions } from "../../../lib/metrics/retire/retire.ts";
import { scrape, type ScrapeOptions } from "../../../lib/metrics/page/scrape.ts";
import { createMemoryLedger } from "../../support/memory-ledger.ts";
import {
  createMemoryPushgateway,
  type MemoryPushgateway,
} from "../../support/memory-pushgateway.ts";

const START = 1_700_000_000;
const MINUTE = 60;
const WINDOW = DEFAULT_WINDOWS.retireAfterSeconds;

/** Pushgateways, a ledger and a clock for each, which the test sets. */
function createWorld(names: readonly string[] = ["a"]) {
  const ourClock = { seconds: START };
  const offsets = new Map<string, number>();
  const urls = names.map((name) => `http://${name}`);
  const gateways = new Map<string, MemoryPushgateway>();
  const unreadable = new Set<string>();
  const undeletable = new Set<string>();
  const cutOff = new Set<string>();
  for (const url of urls) {
    const clock = () => ourClock.seconds + (offsets.get(url) ?? 0);
    gateways.set(url, createMemoryPushgateway(url, clock));
  }
  const ledger = createMemoryLedger();
  const gateway = (url = "http://a") => gateways.get(url) as MemoryPushgateway;
  const readGroups = async (url: string) => {
    if (unreadable.has(url)) throw new Error("unreadable");
    const snapshot = gateway(url).snapshot();
    return cutOff.has(url) ? { ...snapshot, groups: cut(snapshot.groups) } : snapshot;
  };
  const remove = async (url: string, key: LabelSet) => {
    if (undeletable.has(url)) return false;
    gateway(url).remove(key);
    return true;
  };
  const open = (url: string): RetirablePushgateway => ({
    url,
    readGroups: () => readGroups(url),
    remove: (key) => remove(url, key),
  });
  const deployment = { service: "s", stage: "e" };
  const common = { ...deployment, ledger, open, windows: DEFAULT_WINDOWS, timeoutMs: 1_000 };
  const log = createLog({ level: "silent" });
  const nowMs = () => ourClock.seconds * 1_000;
  return {
    ledger,
    gateway,
    open,
    /** The Pushgateways that the base lists. */
    listed: () => listedUrls(ledger.base, []),
    /** Lists a Pushgateway under a second URL. */
    alias(url: string, of = "http://a") {
      urls.push(url);
      gateways.set(url, gateway(of));
    },
    unreadable,
    undeletable,
    /** Their answers break off behind the first group. */
    cutOff,
    wait: (seconds: number) => (ourClock.seconds += seconds),
    setClock: (url: string, offset: number) => offsets.set(url, offset),
    push(
      number: number,
      value: number,
      { url = "http://a", isClosed = false, isTorn = false, key = {} } = {},
    ) {
      const body = `# HELP orders_total o\n# TYPE orders_total counter\norders_total ${value}\n# HELP level l\n# TYPE level gauge\nlevel 5\n# HELP metrics_closed c\n# TYPE metrics_closed gauge\nmetrics_closed ${isClosed ? 1 : 0}\n# HELP metrics_payload_samples p\n# TYPE metrics_payload_samples gauge\nmetrics_payload_samples 3\n`;
      const arrived = isTorn ? body.slice(0, body.indexOf("# HELP level")) : body;
      gateway(url).apply(
        "put",
        { job: "s", component: "c", environment: "e", instance: instance(number), ...key },
        arrived,
      );
    },
    retire: (options: Partial<RetireOptions> = {}) =>
      retire({ ...common, urls, log, nowMs, ...options }),
    page: () => scrape({ ...common, urls }),
    /** @param meanwhile runs between the first snapshot of a scrape and its reading of the base. */
    async count({
      meanwhile = () => Promise.resolve(),
      ...options
    }: Partial<ScrapeOptions> & { meanwhile?: () => Promise<void> } = {}) {
      let isFirst = true;
      const slow = (url: string) => ({
        async readGroups() {
          const snapshot = await readGroups(url);
          if (isFirst) {
            isFirst = false;
            await meanwhile();
          }
          return snapshot;
        },
      });
      const page = await scrape({ ...common, urls, ...options, open: slow });
      const [sample] = page.find(({ name }) => name === "orders_total")?.samples ?? [];
      return sample !== undefined && "value" in sample ? sample.value : 0;
    },
  };
}

async function* cut(groups: AsyncIterable<Group>): AsyncGenerator<Group> {
  for await (const group of groups) {
    yield group;
    throw new Error("the answer ends in the middle");
  }
}

const instance = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

describe("retire", () => {
  it.each([
    { what: "a closed group at once", silent: 0, isClosed: true, folded: 1 },
    { what: "a group silent for longer than the window", silent: WINDOW + 1, folded: 1 },
    { what: "not a group silent for the window", silent: WINDOW, folded: 0 },
    { what: "not a live group", silent: MINUTE, folded: 0 },
  ])("folds $what", async ({ silent, isClosed = false, folded }) => {
    const world = createWorld();
    await world.retire();
    world.push(1, 7, { isClosed });
    world.wait(silent);
    expect(await world.retire()).toMatchObject({ folded, live: 1 - folded, deleted: folded });
    expect(world.gateway().size).toBe(1 - folded);
    expect(await world.count()).toBe(7);
  });

  it("leaves no group of 10,000 dead environments, and a ledger of one label set (promise 4)", async () => {
    const world = createWorld();
    for (let number = 0; number < 10_000; number += 1) world.push(number, 2);
    world.wait(WINDOW + MINUTE);
    expect(await world.retire()).toMatchObject({ folded: 10_000, deleted: 10_000, live: 0 });
    expect(world.gateway().size).toBe(0);
    expect(world.ledger.base.totals.flatMap(({ series }) => series)).toHaveLength(1);
    expect(await world.count()).toBe(20_000);
  });

  it("leaves a ledger, groups and a page that do not grow with the environments that ever lived (promise 4)", async () => {
    const world = createWorld();
    const sizes: { ledger: number; groups: number; page: number }[] = [];
    let lived = 0;
    for (let hours = 2; hours <= 16; hours *= 2) {
      while (lived < hours * 60 * 5) {
        for (let one = 0; one < 5; one += 1)
          world.push((lived += 1), 1 / lived, { isClosed: true });
        world.wait(MINUTE);
        await world.retire();
      }
      await world.count();
      sizes.push({
        ledger: JSON.stringify([world.ledger.base, world.ledger.floor]).length,
        groups: world.gateway().size,
        page: (await world.page()).reduce((all, { samples }) => all + samples.length, 0),
      });
    }
    const [early, ...later] = sizes;
    for (const { ledger, groups, page } of later) {
      expect(ledger).toBeLessThan((early?.ledger ?? 0) * 1.02);
      expect([groups, page]).toEqual([0, early?.page]);
    }
  });

  it("stops deleting when its time is over, and the next run goes on", async () => {
    const world = createWorld();
    for (let number = 0; number < 100; number += 1) world.push(number, 2, { isClosed: true });
    expect(await world.retire({ budgetMs: 0 })).toMatchObject({ folded: 100, deleted: 0 });
    expect(await world.count()).toBe(200);
    expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 100, deleted: 100 });
    expect(await world.count()).toBe(200);
  });

  it("folds of a group whose body was cut what is whole, and says so", async () => {
    const world = createWorld();
    world.push(1, 7, { isTorn: true });
    world.wait(WINDOW + MINUTE);
    expect(await world.retire()).toMatchObject({ folded: 1, torn: 1 });
    expect(await world.count()).toBe(7);
  });

  it("forgets the tombstones when nobody can push under their ids any more", async () => {
    const world = createWorld();
    world.push(1, 7, { isClosed: true });
    await world.retire();
    expect(Object.keys(world.ledger.base.pushgateways[0]?.tombstones ?? {})).toHaveLength(1);
    world.wait(2 * WINDOW);
    await world.retire();
    expect(Object.keys(world.ledger.base.pushgateways[0]?.tombstones ?? {})).toHaveLength(0);
  });

  it("counts a group once that two overlapping runs both saw", async () => {
    const world = createWorld();
    world.push(1, 7, { isClosed: true });
    world.push(2, 5, { isClosed: true });
    const runs = await Promise.all([world.retire(), world.retire(), world.retire()]);
    expect(runs.map(({ folded }) => folded).sort((a, b) => a - b)).toEqual([0, 0, 2]);
    expect(await world.count()).toBe(12);
  });

  it("deletes, and does not count, what a former run could not delete", async () => {
    const world = createWorld();
    world.push(1, 7, { isClosed: true });
    world.undeletable.add("http://a");
    expect(await world.retire()).toMatchObject({ folded: 1, deleted: 0 });
    expect(await world.count()).toBe(7);
    world.undeletable.clear();
    expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 1, deleted: 1 });
    expect(await world.count()).toBe(7);
  });

  it("ignores and deletes groups that a backup brought back", async () => {
    const world = createWorld();
    world.push(1, 7, { isClosed: true });
    const backup = world.gateway().save();
    await world.retire();
    world.wait(3 * WINDOW);
    await world.retire();
    world.gateway().restore(backup);
    expect(await world.count()).toBe(7);
    expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 1, deleted: 1 });
    expect(await world.count()).toBe(7);
  });

  it.each([
    ["of an instance that is no incarnation's", { instance: "10.0.0.1:9100" }],
    ["of another stage", { environment: "another" }],
    ["with a label more", { region: "eu" }],
  ])("neither counts, folds nor deletes a group %s", async (_what, key) => {
    const world = createWorld();
    world.push(1, 7, { key, isClosed: true });
    world.wait(3 * WINDOW);
    expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 0, live: 0 });
    expect(world.gateway().size).toBe(1);
    expect(await world.count()).toBe(0);
  });

  it("leaves two stages that share a Pushgateway to themselves", async () => {
    const world = createWorld();
    const ledger = createMemoryLedger();
    const other = { stage: "another", ledger };
    world.push(1, 7, { isClosed: true });
    world.push(2, 5, { key: { environment: "another" }, isClosed: true });
    expect(await world.retire()).toMatchObject({ folded: 1, deleted: 1 });
    expect([await world.count(), await world.count(other)]).toEqual([7, 5]);
    expect(await world.retire(other)).toMatchObject({ folded: 1, deleted: 1, ghosts: 0 });
    expect([await world.count(), await world.count(other)]).toEqual([7, 5]);
  });

  it("lets gauges die with their group", async () => {
    const world = createWorld();
    world.push(1, 7, { isClosed: true });
    await world.retire();
    expect(world.ledger.base.totals.map(({ name }) => name)).toEqual(["orders_total"]);
  });

  it("keeps the state of a Pushgateway that can't be read, and goes on with the others", async () => {
    const world = createWorld(["a", "b"]);
    world.push(1, 7, { isClosed: true });
    world.push(2, 5, { url: "http://b", isClosed: true });
    await world.retire();
    const before = world.ledger.base.pushgateways.find(({ url }) => url === "http://a");
    world.unreadable.add("http://a");
    world.push(3, 1, { url: "http://b", isClosed: true });
    world.wait(WINDOW);
    expect(await world.retire()).toMatchObject({ folded: 1, unread: 1 });
    const after = world.ledger.base.pushgateways.find(({ url }) => url === "http://a");
    expect(after).toEqual(before);
  });

  it("folds nothing of an answer that breaks off, and goes on with the other Pushgateways", async () => {
    const world = createWorld(["a", "b"]);
    world.push(1, 7, { isClosed: true });
    world.push(2, 6, { isClosed: true });
    world.push(3, 5, { url: "http://b", isClosed: true });
    world.cutOff.add("http://a");
    expect(await world.retire()).toMatchObject({
      folded: 1,
      deleted: 1,
      unread: 1,
      isComplete: false,
    });
    world.cutOff.clear();
    expect(await world.count()).toBe(18);
    expect(await world.retire()).toMatchObject({ folded: 2, deleted: 2, isComplete: true });
    expect(await world.count()).toBe(18);
  });

  it("leaves each Pushgateway its share of the time, and a third for deleting, however many hang", async () => {
    const urls = ["http://a", "http://b", "http://c"];
    const { ledger } = createWorld();
    let leftMs = 30_000;
    const limits: number[] = [];
    const hang = async (_job: string, { timeoutMs }: { timeoutMs: number }) => {
      limits.push(timeoutMs);
      leftMs -= timeoutMs;
      throw new Error("no answer in time");
    };
    const { counts } = await planRetirement(ledger.base, {
      service: "s",
      stage: "e",
      urls,
      open: (url) => ({ url, readGroups: hang, remove: async () => true }),
      windows: DEFAULT_WINDOWS,
      log: createLog({ level: "silent" }),
      nowMs: () => START * 1_000,
      timeoutMs: 20_000,
      leftMs: () => leftMs,
    });
    expect(counts.unread).toBe(3);
    for (const limit of limits) expect(limit).toBeCloseTo(20_000 / 3);
    expect(leftMs).toBeCloseTo(10_000);
  });

  it("deletes at the other Pushgateways while one hangs", async () => {
    const world = createWorld(["a", "b"]);
    for (let number = 0; number < 40; number += 1) {
      world.push(number, 1, { isClosed: true });
      world.push(100 + number, 1, { url: "http://b", isClosed: true });
    }
    const { promise: timeIsUp, resolve: endTime } = Promise.withResolvers<boolean>();
    const open = (url: string): RetirablePushgateway => ({
      ...world.open(url),
      async remove(key, options) {
        if (url === "http://a") return timeIsUp;
        const isDeleted = await world.open(url).remove(key, options);
        if (world.gateway("http://b").size === 0) endTime(false);
        return isDeleted;
      },
    });
    const run = await world.retire({ open });
    expect(run).toMatchObject({ folded: 80, deleted: 40, isComplete: false });
    expect(world.gateway("http://b").size).toBe(0);
  });

  it("deletes the rest of the groups where some can't be", async () => {
    const world = createWorld();
    for (let number = 0; number < 60; number += 1) world.push(number, 1, { isClosed: true });
    const open = (url: string): RetirablePushgateway => ({
      ...world.open(url),
      async remove(key, options) {
        const number = Number(key["instance"]?.slice(-3));
        if (number < 20) throw new Error("no such luck");
        if (number < 40) return false;
        return world.open(url).remove(key, options);
      },
    });
    const run = await world.retire({ open });
    expect(run).toMatchObject({ folded: 60, deleted: 20, isComplete: false });
    expect(world.gateway().size).toBe(40);
    expect(await world.count()).toBe(60);
  });

  describe("a Pushgateway that left the list", () => {
    const urls = ["http://a"];
    const DAY = 24 * 60 * MINUTE;

    /** `b` has left; what it held when its groups were still there is returned. */
    async function leave(world: ReturnType<typeof createWorld>) {
      world.push(1, 7, { url: "http://b", isClosed: true });
      world.push(2, 5, { url: "http://b" });
      const file = world.gateway("http://b").save();
      await world.retire();
      world.wait(WINDOW + MINUTE);
      await world.retire({ urls });
      await world.retire({ urls });
      world.wait(WINDOW + MINUTE);
      await world.retire({ urls });
      expect(world.listed()).toEqual(urls);
      expect(await world.count({ urls })).toBe(12);
      return file;
    }

    it("is read no more", async () => {
      const world = createWorld(["a", "b"]);
      await leave(world);
      world.unreadable.add("http://b");
      expect(await world.count({ urls })).toBe(12);
      expect(await world.retire({ urls })).toMatchObject({ isComplete: true });
    });

    it("counts nothing twice when it comes back with an old file", async () => {
      const world = createWorld(["a", "b"]);
      const file = await leave(world);
      world.wait(DAY - MINUTE);
      await world.retire({ urls });
      world.gateway("http://b").restore(file);
      expect(await world.count()).toBe(12);
      expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 2, deleted: 2 });
      expect(await world.count()).toBe(12);
      expect(world.listed()).toEqual(["http://a", "http://b"]);
    });

    it("knows a late push for a ghost, and counts a new one, when it comes back", async () => {
      const world = createWorld(["a", "b"]);
      await leave(world);
      world.push(1, 7, { url: "http://b", isClosed: true });
      world.push(2, 5, { url: "http://b" });
      world.push(3, 1, { url: "http://b" });
      world.wait(DAY / 2);
      expect(await world.count()).toBe(13);
      expect(await world.retire()).toMatchObject({ folded: 1, ghosts: 2, deleted: 3 });
      expect(await world.count()).toBe(13);
    });

    it("has its old file known for one under another name, too", async () => {
      const world = createWorld(["a", "b"]);
      const file = await leave(world);
      world.alias("http://c", "http://b");
      world.gateway("http://c").restore(file);
      const moved = ["http://a", "http://c"];
      expect(await world.count({ urls: moved })).toBe(12);
      expect(await world.retire({ urls: moved })).toMatchObject({ folded: 0, ghosts: 2 });
    });

    it("is on the list again once it is configured, readable or not", async () => {
      const world = createWorld(["a", "b"]);
      await leave(world);
      world.unreadable.add("http://b");
      expect(await world.retire()).toMatchObject({ unread: 1, isComplete: false });
      expect(world.listed()).toEqual(["http://a", "http://b"]);
      world.wait(2 * DAY);
      await world.retire();
      expect(world.ledger.base.pushgateways.map(({ url }) => url)).toContain("http://b");
    });

    it("is forgotten after a day", async () => {
      const world = createWorld(["a", "b"]);
      await leave(world);
      world.wait(DAY + MINUTE);
      await world.retire({ urls });
      expect(world.ledger.base.pushgateways.map(({ url }) => url)).toEqual(urls);
    });
  });

  it("reads a Pushgateway that left the configuration until it was empty for a window", async () => {
    const world = createWorld(["a", "b"]);
    world.push(1, 7, { url: "http://b" });
    await world.retire();
    const urls = ["http://a"];
    await world.retire({ urls });
    expect(world.listed()).toEqual(["http://a", "http://b"]);
    world.wait(WINDOW + MINUTE);
    expect(await world.retire({ urls })).toMatchObject({ folded: 1 });
    await world.retire({ urls });
    world.wait(WINDOW);
    // From an environment of the older deployment.
    world.push(2, 5, { url: "http://b", isClosed: true });
    expect(await world.retire({ urls })).toMatchObject({ folded: 1, deleted: 1 });
    await world.retire({ urls });
    world.wait(WINDOW);
    await world.retire({ urls });
    expect(world.listed()).toEqual(["http://a", "http://b"]);
    world.wait(MINUTE);
    await world.retire({ urls });
    expect(world.listed()).toEqual(["http://a"]);
    expect(await world.count()).toBe(12);
  });

  it("counts that window anew where the Pushgateway came back, or its clock was set", async () => {
    const world = createWorld(["a", "b"]);
    const urls = ["http://a"];
    await world.retire();
    await world.retire({ urls });
    world.wait(WINDOW);
    await world.retire();
    world.wait(MINUTE);
    await world.retire({ urls });
    expect(world.listed()).toEqual(["http://a", "http://b"]);
    world.wait(WINDOW);
    world.setClock("http://b", 2 * WINDOW);
    await world.retire({ urls });
    expect(world.listed()).toEqual(["http://a", "http://b"]);
    world.wait(WINDOW + MINUTE);
    await world.retire({ urls });
    expect(world.listed()).toEqual(["http://a"]);
  });

  it("folds nothing silent for a window after a Pushgateway's clock was set forward", async () => {
    const world = createWorld();
    world.push(1, 7);
    await world.retire();
    world.setClock("http://a", 2 * WINDOW);
    expect(await world.retire()).toMatchObject({ folded: 0, live: 1, clocksSet: 1 });
    world.push(1, 8);
    world.wait(WINDOW - MINUTE);
    expect(await world.retire()).toMatchObject({ folded: 0, live: 1, clocksSet: 0 });
    expect(await world.count()).toBe(8);
  });

  it("takes a reading that was slow for no step of a clock", async () => {
    const world = createWorld();
    await world.retire();
    const open = (url: string): RetirablePushgateway => ({
      ...world.open(url),
      async readGroups(job, options) {
        const snapshot = await world.open(url).readGroups(job, options);
        world.wait(40);
        return snapshot;
      },
    });
    expect(await world.retire({ open })).toMatchObject({ clocksSet: 0 });
  });

  it("counts what is pushed after a Pushgateway's clock was set back", async () => {
    const world = createWorld();
    await world.retire();
    world.wait(WINDOW);
    await world.retire();
    world.setClock("http://a", -5 * WINDOW);
    world.push(1, 7);
    expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 0, live: 1, clocksSet: 1 });
    expect(await world.count()).toBe(7);
  });

  it("counts a group once whose copy from a backup can't be read until its tombstone is gone", async () => {
    const world = createWorld(["a", "b"]);
    await world.retire();
    for (const url of ["http://a", "http://b"]) world.push(1, 7, { url, isClosed: true });
    world.undeletable.add("http://b");
    expect(await world.retire()).toMatchObject({ folded: 1, duplicates: 1 });
    world.unreadable.add("http://b");
    for (let run = 0; run < 6; run += 1) {
      world.wait(WINDOW);
      await world.retire();
    }
    world.unreadable.delete("http://b");
    expect(await world.count()).toBe(7);
    expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 1 });
  });

  describe("one Pushgateway under two URLs", () => {
    it("has its groups folded once, and its horizon past none that is alive", async () => {
      const world = createWorld();
      world.alias("http://alias");
      await world.retire();
      world.push(1, 7, { isClosed: true });
      world.push(2, 5);
      world.push(3, 3);
      expect(await world.retire()).toMatchObject({ folded: 1, live: 2, deleted: 1, duplicates: 3 });
      world.wait(WINDOW / 2);
      world.push(3, 4);
      world.wait(WINDOW / 2 + MINUTE);
      expect(await world.retire()).toMatchObject({ folded: 1, live: 1, deleted: 1 });
      expect(await world.count()).toBe(16);
      world.wait(WINDOW);
      expect(await world.retire()).toMatchObject({ folded: 1, live: 0, deleted: 1 });
      expect(await world.count()).toBe(16);
      expect(world.gateway().size).toBe(0);
    });

    it("leaves the list under the one that is no longer configured", async () => {
      const world = createWorld();
      world.alias("http://alias");
      world.push(1, 7);
      await world.retire();
      const urls = ["http://alias"];
      for (let run = 0; run < 8; run += 1) {
        world.wait(WINDOW / 2);
        world.push(1, 8 + run);
        await world.retire({ urls });
      }
      expect(world.listed()).toEqual(urls);
      expect(await world.count()).toBe(15);
    });
  });

  it("takes nothing for folded that was pushed after a clock was set back, however late it runs", async () => {
    const world = createWorld();
    await world.retire();
    world.wait(WINDOW);
    await world.retire();
    world.setClock("http://a", -WINDOW - MINUTE);
    world.push(1, 7);
    world.wait(2 * WINDOW);
    expect(await world.retire()).toMatchObject({ ghosts: 0, live: 1, clocksSet: 1 });
    world.wait(2 * WINDOW);
    expect(await world.retire()).toMatchObject({ folded: 1, ghosts: 0 });
    expect(await world.count()).toBe(7);
  });

  it("counts a group once that could not be deleted before a clock was set back", async () => {
    const world = createWorld();
    world.push(1, 7, { isClosed: true });
    world.undeletable.add("http://a");
    await world.retire();
    for (let window = 0; window < 3; window += 1) {
      world.wait(WINDOW);
      expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 1, deleted: 0 });
    }
    world.setClock("http://a", -5 * WINDOW);
    expect(await world.retire()).toMatchObject({ folded: 0, ghosts: 1, clocksSet: 1 });
    expect(await world.count()).toBe(7);
  });

  describe("a scrape that is overtaken between its snapshot and its reading of the base", () => {
    /** A group pushed long ago, and again meanwhile: alive, but behind the horizon in the snapshot. */
    const overtake = (world: ReturnType<typeof createWorld>) => async () => {
      world.wait(WINDOW / 2);
      world.push(1, 8);
      world.wait(WINDOW / 2 + MINUTE);
      world.push(1, 9);
      await world.retire();
    };

    it("reads again", async () => {
      const world = createWorld();
      world.push(1, 7);
      await world.retire();
      expect(await world.count({ meanwhile: overtake(world) })).toBe(9);
    });

    it("would miss a living group if it did not", async () => {
      const world = createWorld();
      world.push(1, 7);
      await world.retire();
      const windows = { ...DEFAULT_WINDOWS, retireAfterSeconds: -1e9 };
      expect(await world.count({ meanwhile: overtake(world), windows })).toBe(0);
    });
  });
});
