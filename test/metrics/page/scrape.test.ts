import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ServiceError } from "../../../lib/errors.ts";
import type { Group, MetricFamily } from "../../../lib/metrics/family.ts";
import {
  DEFAULT_WINDOWS,
  horizonAt,
  type Base,
  type Ledger,
} from "../../../lib/metrics/retire/ledger.ts";
import { scrape, type GroupSource, type ScrapeOptions } from "../../../lib/metrics/page/scrape.ts";
import { counterFamily, gaugeFamily, groupOf, instanceId } from "../../support/groups.ts";
import { createMemoryLedger } from "../../support/memory-ledger.ts";

const NOW = 1_700_000_000;
/** The newest horizon that a snapshot taken now allows. */
const HORIZON = horizonAt(NOW, DEFAULT_WINDOWS);
const NO_TOMBSTONES: Readonly<Record<string, number>> = {};

const a = (value: number, instance = 1, pushedAtSeconds = NOW): Group =>
  groupOf([counterFamily("a_total", [{}, value])], { instance, pushedAtSeconds });

/** A Pushgateway that answers with these groups, or fails. */
function sourceOf(groups: readonly Group[] | Error, takenAtSeconds = NOW): GroupSource {
  return {
    readGroups: () =>
      groups instanceof Error
        ? Promise.reject(groups)
        : Promise.resolve({ pushgateway: "", takenAtSeconds, groups: iterate(groups) }),
  };
}

async function* iterate(groups: readonly Group[], failure?: Error): AsyncGenerator<Group> {
  yield* groups;
  if (failure !== undefined) throw failure;
}

/** A page of Pushgateways by URL; those of the configuration are all, unless told otherwise. */
function scrapeOf(
  sources: Readonly<Record<string, GroupSource>>,
  options: Partial<ScrapeOptions> = {},
): Promise<MetricFamily[]> {
  return scrape({
    service: "s",
    stage: "e",
    ledger: createMemoryLedger(),
    urls: Object.keys(sources),
    open: (url) => sources[url] ?? sourceOf(new Error(`${url} was not to be read`)),
    windows: DEFAULT_WINDOWS,
    timeoutMs: 1_000,
    ...options,
  });
}

function valueOf(page: readonly MetricFamily[], name: string): number | undefined {
  const [sample] = page.find((family) => family.name === name)?.samples ?? [];
  return sample !== undefined && "value" in sample ? sample.value : undefined;
}

/** A ledger whose base holds this many of `a_total`, folded at the horizon, with tombstones. */
async function ledgerWith(
  value: number,
  { url = "a", horizonSeconds = HORIZON, tombstones = NO_TOMBSTONES } = {},
): Promise<ReturnType<typeof createMemoryLedger>> {
  const ledger = createMemoryLedger();
  const labels = { component: "c", environment: "e", instance: "", service: "s" };
  const family = {
    name: "a_total",
    type: "counter" as const,
    help: "h",
    pushedAtSeconds: horizonSeconds,
    series: [{ labels, counter: [value] }],
  };
  const state = { url, horizonSeconds, offsetSeconds: 0, heldUntilSeconds: 0, tombstones };
  await ledger.writeBase({ version: 1, totals: [family], pushgateways: [state] });
  return ledger;
}

const readFailed = (detail: unknown) =>
  expect.objectContaining({ code: "READ_FAILED", status: 503, detail });

describe("a scrape", () => {
  it("adds up the groups of every Pushgateway and what the ledger holds", async () => {
    const ledger = await ledgerWith(100);
    const page = await scrapeOf(
      { a: sourceOf([a(1, 1), a(2, 2)]), b: sourceOf([a(4, 3)]) },
      { ledger },
    );
    expect(valueOf(page, "a_total")).toBe(107);
  });

  it("reads Pushgateways too that only the ledger still knows", async () => {
    const ledger = await ledgerWith(100, { url: "gone" });
    const sources = { a: sourceOf([a(1)]), gone: sourceOf([a(2, 2)]) };
    const page = await scrapeOf(sources, { ledger, urls: ["a"] });
    expect(valueOf(page, "a_total")).toBe(103);
  });

  it("reads one whose URL is twice in the configuration once", async () => {
    expect(valueOf(await scrapeOf({ a: sourceOf([a(1)]) }, { urls: ["a", "a"] }), "a_total")).toBe(
      1,
    );
  });

  it("leaves ghosts out and counts them: folded before, or pushed before the horizon", async () => {
    const ledger = await ledgerWith(100, { tombstones: { [instanceId(1)]: HORIZON } });
    const groups = [a(1, 1), a(2, 2, HORIZON), a(4, 3, HORIZON + 1)];
    const page = await scrapeOf({ a: sourceOf(groups) }, { ledger });
    expect(valueOf(page, "a_total")).toBe(104);
    expect(valueOf(page, "metrics_page_ghost_groups")).toBe(2);
  });

  it("reads the groups before the base: what is folded meanwhile is met twice and counted once", async () => {
    const before = createMemoryLedger();
    const after = await ledgerWith(5, { tombstones: { [instanceId(1)]: NOW } });
    let hasBeenRead = false;
    const source: GroupSource = {
      readGroups() {
        hasBeenRead = true;
        return sourceOf([a(5)]).readGroups("s", { timeoutMs: 1 });
      },
    };
    const ledger: Ledger = {
      ...before,
      readBase: () => (hasBeenRead ? after : before).readBase(),
    };
    expect(valueOf(await scrapeOf({ a: source }, { ledger }), "a_total")).toBe(5);
  });

  it("reads again what a retirement has passed by", async () => {
    const ledger = await ledgerWith(5, { horizonSeconds: HORIZON + 10 });
    const snapshots = [sourceOf([a(5)]), sourceOf([a(1, 2, NOW + 10)], NOW + 10)];
    const source: GroupSource = {
      readGroups: (...read) => (snapshots.shift() ?? sourceOf([])).readGroups(...read),
    };
    expect(valueOf(await scrapeOf({ a: source }, { ledger }), "a_total")).toBe(6);
    expect(snapshots).toEqual([]);
  });

  it("fails when retirement passes it by again and again", async () => {
    const ledger = await ledgerWith(5, { horizonSeconds: NOW });
    let reads = 0;
    const source: GroupSource = {
      readGroups(...read) {
        reads += 1;
        return sourceOf([a(5)]).readGroups(...read);
      },
    };
    await expect(scrapeOf({ a: source }, { ledger })).rejects.toEqual(
      readFailed("retirement moved on while the groups were being read"),
    );
    expect(reads).toBe(3);
  });

  it("reads a Pushgateway that came into the ledger meanwhile", async () => {
    const known = await ledgerWith(5, { url: "new" });
    let isFirst = true;
    const ledger: Ledger = {
      ...known,
      readBase() {
        const base: Base = { version: 0, totals: [], pushgateways: [] };
        const answer = isFirst ? Promise.resolve(base) : known.readBase();
        isFirst = false;
        return answer;
      },
    };
    const sources = { a: sourceOf([a(1)]), new: sourceOf([a(2, 2)]) };
    expect(valueOf(await scrapeOf(sources, { ledger, urls: ["a"] }), "a_total")).toBe(8);
  });
});

describe("a scrape that can't read everything serves nothing", () => {
  const unreadable = new ServiceError("READ_FAILED", "no answer");

  it("when a Pushgateway does not answer", async () => {
    const sources = { a: sourceOf([a(1)]), b: sourceOf(unreadable) };
    await expect(scrapeOf(sources)).rejects.toBe(unreadable);
  });

  it("when an answer breaks off in the middle", async () => {
    const source: GroupSource = {
      readGroups: () =>
        Promise.resolve({
          pushgateway: "",
          takenAtSeconds: NOW,
          groups: iterate([a(1)], unreadable),
        }),
    };
    await expect(scrapeOf({ a: sourceOf([a(1)]), b: source })).rejects.toBe(unreadable);
  });

  it.each(["readBase", "readFloor", "writeFloor"] as const)(
    "when the ledger fails at %s",
    async (call) => {
      const ledger = { ...createMemoryLedger(), [call]: () => Promise.reject(unreadable) };
      await expect(scrapeOf({ a: sourceOf([a(1)]) }, { ledger })).rejects.toBe(unreadable);
    },
  );
});

describe("the floor", () => {
  it("holds up a page after a loss of data, and the page says so", async () => {
    const ledger = createMemoryLedger();
    const full = await scrapeOf({ a: sourceOf([a(7)]) }, { ledger });
    const lost = await scrapeOf({ a: sourceOf([]) }, { ledger });
    const back = await scrapeOf({ a: sourceOf([a(8)]) }, { ledger });
    expect([full, lost, back].map((page) => valueOf(page, "a_total"))).toEqual([7, 7, 8]);
    expect([full, lost, back].map((page) => valueOf(page, "metrics_page_floor_held"))).toEqual([
      0, 1, 0,
    ]);
  });

  it("is written before the page is served", async () => {
    const ledger = createMemoryLedger();
    await scrapeOf({ a: sourceOf([a(7)]) }, { ledger });
    expect(valueOf(ledger.floor.families, "a_total")).toBe(7);
  });

  it("of another scrape that came first is taken into account", async () => {
    const memory = createMemoryLedger();
    let isLost = false;
    const ledger: Ledger = {
      ...memory,
      async writeFloor(floor) {
        if (!isLost) await scrapeOf({ a: sourceOf([a(9)]) }, { ledger: memory });
        isLost = true;
        return memory.writeFloor(floor);
      },
    };
    const page = await scrapeOf({ a: sourceOf([a(7)]) }, { ledger });
    expect(valueOf(page, "a_total")).toBe(9);
  });

  it("lost to other scrapes again and again fails the page", async () => {
    let writes = 0;
    const writeFloor = () => {
      writes += 1;
      return Promise.resolve(false);
    };
    const ledger = { ...createMemoryLedger(), writeFloor };
    await expect(scrapeOf({ a: sourceOf([a(1)]) }, { ledger })).rejects.toEqual(
      readFailed("ledger FLOOR: other scrapes won every write"),
    );
    expect(writes).toBe(8);
  });

  it("lets no page fall, whatever the Pushgateway holds from scrape to scrape", async () => {
    const worlds = fc.array(fc.array(fc.nat(100), { maxLength: 4 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(worlds, async (states) => {
        const ledger = createMemoryLedger();
        let last = 0;
        for (const values of states) {
          const groups = values.map((value, instance) => a(value, instance));
          const page = await scrapeOf({ a: sourceOf(groups) }, { ledger });
          const now = valueOf(page, "a_total") ?? 0;
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
      }),
    );
  });
});

describe("one Pushgateway under two URLs", () => {
  it("counts each of its groups once, and says how many it read twice", async () => {
    const source = sourceOf([a(1, 1), a(2, 2)]);
    const page = await scrapeOf({ a: source, b: source, c: sourceOf([a(4, 3)]) });
    expect(valueOf(page, "a_total")).toBe(7);
    expect(valueOf(page, "metrics_page_duplicate_groups")).toBe(2);
  });

  it("counts no group that was folded under one of them, in whatever order they are named", async () => {
    const source = sourceOf([a(100, 1), a(2, 2)]);
    for (const sources of [
      { a: source, b: source },
      { b: source, a: source },
    ]) {
      const byTombstone = await ledgerWith(100, { tombstones: { [instanceId(1)]: NOW } });
      expect(valueOf(await scrapeOf(sources, { ledger: byTombstone }), "a_total")).toBe(102);
    }
    const old = sourceOf([a(100, 1, HORIZON), a(2, 2)]);
    for (const sources of [
      { a: old, b: old },
      { b: old, a: old },
    ]) {
      const byHorizon = await ledgerWith(100);
      expect(valueOf(await scrapeOf(sources, { ledger: byHorizon }), "a_total")).toBe(102);
    }
  });
});

describe("a page's own health", () => {
  it("counts what was read, in the order of names among the other families", async () => {
    const ledger = await ledgerWith(1);
    const groups = [
      a(1, 1),
      groupOf([], { instance: 2, isClosed: true, pushedAtSeconds: NOW }),
      groupOf([gaugeFamily("a_total", [{}, 1])], { instance: 3, pushedAtSeconds: NOW - 1 }),
      groupOf([counterFamily("b_total", [{}, 1])], {
        instance: 4,
        isTorn: true,
        pushedAtSeconds: NOW,
      }),
    ];
    const page = await scrapeOf({ a: sourceOf(groups) }, { ledger });
    const names = page.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    const health = page.filter(({ name }) => name.startsWith("metrics_page_"));
    const values = health.map(({ name, samples }) => [
      name,
      samples.map((sample) => ("value" in sample ? sample.value : undefined)),
    ]);
    expect(Object.fromEntries(values)).toEqual({
      metrics_page_conflicting_families: [1],
      metrics_page_duplicate_groups: [0],
      metrics_page_duration_seconds: [expect.any(Number)],
      metrics_page_environments: [1, 3],
      metrics_page_floor_held: [0],
      metrics_page_ghost_groups: [0],
      metrics_page_ledger_series: [1],
      metrics_page_ledger_version: [1],
      metrics_page_torn_groups: [1],
    });
    for (const { samples } of health) {
      for (const { labels } of samples)
        expect(labels).toMatchObject({ environment: "e", instance: "", service: "s" });
    }
  });

  it("is there when nothing has been pushed yet", async () => {
    const page = await scrapeOf({ a: sourceOf([]) });
    expect(page.every(({ name }) => name.startsWith("metrics_page_"))).toBe(true);
    expect(valueOf(page, "metrics_page_ledger_version")).toBe(0);
  });
});

describe("gauges", () => {
  const gauge = (value: number, instance: number, pushedAtSeconds = NOW) =>
    groupOf([gaugeFamily("build_info", [{ version: "1" }, value])], { instance, pushedAtSeconds });

  it("follow the rules of the common metrics and of those given beside them", async () => {
    const own = (value: number, instance: number) =>
      groupOf([gaugeFamily("level", [{}, value])], { instance, pushedAtSeconds: NOW });
    const source = sourceOf([gauge(1, 1), gauge(0, 2), own(3, 3), own(4, 4)]);
    const level = { name: "level", type: "gauge", help: "h", aggregation: "sum" } as const;
    const page = await scrapeOf({ a: source }, { metrics: [level] });
    expect(valueOf(page, "build_info")).toBe(1);
    expect(valueOf(page, "level")).toBe(7);
  });

  it("end with the lease", async () => {
    const lease = DEFAULT_WINDOWS.leaseSeconds;
    const page = await scrapeOf({ a: sourceOf([gauge(1, 1, NOW - lease - 1)]) });
    expect(valueOf(page, "build_info")).toBeUndefined();
  });
});
