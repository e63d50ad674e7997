import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { ServiceError } from "../../../lib/errors.ts";
import type { Group, MetricFamily } from "../../../lib/metrics/family.ts";
import {
  DEFAULT_WINDOWS,
  horizonAt,
  type Base,
  type Ledger,
} from "../../../lib/metrics/retire/ledger.ts";
import { scrape, type GroupSource, type ScrapeOptions } from "../../../lib/metrics/page/scrape.ts";
import { openPushgateway } from "../../../lib/metrics/read/pushgateway.ts";
import { counterFamily, gaugeFamily, groupOf, instanceId } from "../../support/groups.ts";
import { createMemoryLedger } from "../../support/memory-ledger.ts";

const NOW = 1_700_000_000;
/** The newest horizon that a snapshot taken now allows. */
const HORIZON = horizonAt(NOW, DEFAULT_WINDOWS);
const CALL = { timeoutMs: 1, signal: new AbortController().signal };
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
    timeoutMs: 30_000,
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
        return sourceOf([a(5)]).readGroups("s", CALL);
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

describe("a scrape that fails leaves nothing behind", () => {
  const unreadable = new ServiceError("READ_FAILED", "no answer");

  /** It may have been given up before, on a busy machine. */
  async function hangUntilGivenUp(signal: AbortSignal): Promise<never> {
    if (!signal.aborted) await once(signal, "abort");
    throw unreadable;
  }

  /** One that is read and never answers; it hears when it is given up. */
  function hanging(): GroupSource & { readonly isGivenUp: () => boolean } {
    let given: AbortSignal | undefined;
    return {
      isGivenUp: () => given?.aborted === true,
      readGroups(_job, { signal }) {
        given = signal;
        return hangUntilGivenUp(signal);
      },
    };
  }

  /** One whose groups are never read to their end by themselves. */
  function open(groups: readonly Group[] = [], takenAtSeconds = NOW) {
    const signals: AbortSignal[] = [];
    const source: GroupSource = {
      readGroups(job, call) {
        signals.push(call.signal);
        return sourceOf(groups, takenAtSeconds).readGroups(job, call);
      },
    };
    return { source, signals };
  }

  it("gives up the other Pushgateways when one can't be read", async () => {
    const [slow, other] = [hanging(), open()];
    const sources = { a: slow, b: other.source, c: sourceOf(unreadable) };
    await expect(scrapeOf(sources)).rejects.toBe(unreadable);
    expect(slow.isGivenUp()).toBe(true);
    expect(other.signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it("gives up the other Pushgateways when an answer breaks off", async () => {
    const other = open([a(1)]);
    const broken: GroupSource = {
      readGroups: () =>
        Promise.resolve({
          pushgateway: "",
          takenAtSeconds: NOW,
          groups: iterate([a(1, 2)], unreadable),
        }),
    };
    await expect(scrapeOf({ a: broken, b: other.source })).rejects.toBe(unreadable);
    expect(other.signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it("gives up what retirement passed by before it reads again", async () => {
    const ledger = await ledgerWith(5, { horizonSeconds: HORIZON + 10 });
    const [old, young] = [open([a(5)]), open([a(1, 2, NOW + 10)], NOW + 10)];
    const sources = [old.source, young.source];
    let wereGivenUp: boolean | undefined;
    const source: GroupSource = {
      readGroups(job, call) {
        if (sources.length === 1) wereGivenUp = old.signals.every(({ aborted }) => aborted);
        return (sources.shift() ?? source).readGroups(job, call);
      },
    };
    expect(valueOf(await scrapeOf({ a: source }, { ledger }), "a_total")).toBe(6);
    expect(wereGivenUp).toBe(true);
  });

  it("ends when its time is over, though a Pushgateway never answers", async () => {
    const slow = hanging();
    await expect(scrapeOf({ a: slow }, { timeoutMs: 20 })).rejects.toBe(unreadable);
    expect(slow.isGivenUp()).toBe(true);
  });

  it.each(["readBase", "readFloor", "writeFloor"] as const)(
    "ends when its time is over, though the ledger hangs at %s",
    async (call) => {
      const hang = (...args: readonly unknown[]) =>
        hangUntilGivenUp((args.at(-1) as { signal: AbortSignal }).signal);
      const ledger = { ...createMemoryLedger(), [call]: hang };
      const scraped = scrapeOf({ a: sourceOf([a(1)]) }, { ledger, timeoutMs: 20 });
      await expect(scraped).rejects.toBe(unreadable);
    },
  );

  it("has closed every socket, of an answer that is not read on and of one that never comes", async () => {
    const asked: Promise<void>[] = [];
    const closed: Promise<void>[] = [];
    const serve = async (answer: (response: ServerResponse) => void) => {
      const isAsked = Promise.withResolvers<void>();
      asked.push(isAsked.promise);
      const server = createServer((_, response) => {
        isAsked.resolve();
        answer(response);
      });
      server.on("connection", (socket) => {
        closed.push(new Promise((resolve) => socket.on("close", () => resolve())));
        socket.on("error", () => {});
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(() => void server.close());
      return openPushgateway({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      });
    };
    const group = '{"labels":{"job":"s"}},';
    const endless = await serve((response) => {
      response.write(`{"status":"success","data":[${group.repeat(100_000)}`);
    });
    const silent = await serve(() => {});
    const refusing = await serve((response) => {
      void Promise.all(asked).then(() => response.writeHead(500).end("no"));
    });
    const clients = new Map([endless, silent, refusing].map((client) => [client.url, client]));
    onTestFinished(() => clients.forEach((client) => client.close()));
    const scraped = scrapeOf(
      {},
      {
        urls: [...clients.keys()],
        timeoutMs: 600_000,
        open: (url) => clients.get(url) ?? sourceOf(unreadable),
      },
    );
    await expect(scraped).rejects.toMatchObject({ detail: expect.stringContaining("status 500") });
    refusing.close();
    expect(closed).toHaveLength(3);
    await Promise.all(closed);
  });
});

describe("a page that would be too large for an answer", () => {
  const sizeOf = (families: readonly MetricFamily[]) =>
    families.reduce((all, { samples }) => all + 100 * samples.length, 0);
  const many = Array.from({ length: 9 }, (_, i) => [{ id: `${i}` }, i] as const);
  const group = groupOf(
    [counterFamily("few_total", [{}, 1]), counterFamily("many_total", ...many)],
    {
      pushedAtSeconds: NOW,
    },
  );

  it("is 503, says what is largest in it, and is no floor", async () => {
    const ledger = createMemoryLedger();
    const limit = { sizeOf, maxBytes: 999 };
    await expect(scrapeOf({ a: sourceOf([group]) }, { ledger, limit })).rejects.toMatchObject({
      code: "PAGE_TOO_LARGE",
      status: 503,
      detail: expect.stringMatching(
        /^the page has 1000 bytes, expected at most 999; largest: many_total \(9 label sets, 900 bytes\), few_total \(1 label sets, 100 bytes\)\. .*docs\/operations\.md/,
      ),
    });
    expect(ledger.floor.version).toBe(0);
  });

  it("is so too when what the floor restores makes it that large", async () => {
    const ledger = createMemoryLedger();
    await scrapeOf({ a: sourceOf([group]) }, { ledger });
    const limit = { sizeOf, maxBytes: 999 };
    await expect(scrapeOf({ a: sourceOf([]) }, { ledger, limit })).rejects.toMatchObject({
      code: "PAGE_TOO_LARGE",
    });
    expect(ledger.floor.version).toBe(1);
  });

  it("is served as long as it fits, and tells its size without its own health", async () => {
    const limit = { sizeOf, maxBytes: 1_000 };
    const page = await scrapeOf({ a: sourceOf([group]) }, { limit });
    expect(valueOf(page, "many_total")).toBe(0);
    expect(valueOf(page, "metrics_page_bytes")).toBe(1_000);
  });
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
