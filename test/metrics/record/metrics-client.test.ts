import fc from "fast-check";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { defaultBuckets } from "../../../lib/metrics/record/catalogue.ts";
import { createDefinitions } from "../../../lib/metrics/record/definitions.ts";
import type { LabelSet } from "../../../lib/metrics/family.ts";
import {
  createMetricsClient,
  type InvocationMetrics,
} from "../../../lib/metrics/record/metrics-client.ts";
import type { Refusal } from "../../../lib/metrics/record/refusal.ts";
import { createTotals } from "../../../lib/metrics/push/totals.ts";
import { readExposition, sampleLines } from "../../support/exposition.ts";
import { checkMetrics, isPromtoolMissing } from "../../support/promtool.ts";

function open(options: { maxLabelSets?: number } = {}) {
  const refusals: Refusal[] = [];
  const definitions = createDefinitions({ maxLabelSets: 1_000, ...options });
  const client = createMetricsClient(definitions, (refusal) => refusals.push(refusal));
  return { client, definitions, refusals };
}

interface Recording {
  readonly metric: "hits" | "misses_total" | "depth" | "size_bytes" | "wait_seconds";
  readonly value: number;
  readonly labels: LabelSet;
}

/** A fraction whose sums are exact in doubles, so that prom-client's do not depend on their order. */
const dyadic = fc.integer({ min: 0, max: 2 ** 30 }).map((n) => n / 1_024);
/** Without `,` and `:`, which prom-client's keys are made of. */
const labelValue = fc.string({ unit: fc.constantFrom("a", "b", '"', "\\", "\n", "é", "{", "=") });
const one = fc.record({ a: labelValue });
const two = fc.record({ a: labelValue, b: labelValue });
const none = fc.constant({});
const recording: fc.Arbitrary<Recording> = fc.oneof(
  fc.record({ metric: fc.constant("hits" as const), value: dyadic, labels: two }),
  fc.record({ metric: fc.constant("misses_total" as const), value: dyadic, labels: none }),
  fc.record({
    metric: fc.constant("depth" as const),
    value: fc.double({ noNaN: true, noDefaultInfinity: true }),
    labels: one,
  }),
  fc.record({ metric: fc.constant("size_bytes" as const), value: dyadic, labels: one }),
  fc.record({ metric: fc.constant("wait_seconds" as const), value: dyadic, labels: none }),
);

function record(client: InvocationMetrics, { metric, value, labels }: Recording): void {
  if (metric === "depth") client.gauge(metric, value, labels);
  else if (metric === "hits" || metric === "misses_total") client.increment(metric, value, labels);
  else client.histogram(metric, value, labels);
}

/** prom-client with the same families, each made when it is first recorded in. */
function openPromClient() {
  const registry = new Registry();
  const made = new Map<string, Counter | Gauge | Histogram>();
  const make = (name: string, type: string, labels: LabelSet) => {
    const options = {
      name,
      help: `${name}, registered on first use.`,
      labelNames: Object.keys(labels),
      registers: [registry],
    };
    if (type === "counter") return new Counter(options);
    if (type === "gauge") return new Gauge(options);
    return new Histogram({ ...options, buckets: [...defaultBuckets(name)] });
  };
  return {
    record({ metric, value, labels }: Recording) {
      const name = metric === "hits" ? "hits_total" : metric;
      const types = { hits_total: "counter", misses_total: "counter", depth: "gauge" } as const;
      const type = name in types ? types[name as keyof typeof types] : "histogram";
      const known = made.get(name) ?? make(name, type, labels);
      made.set(name, known);
      if (known instanceof Counter) known.inc(labels, value);
      else if (known instanceof Gauge) known.set(labels, value);
      else known.observe(labels, value);
    },
    metrics: () => registry.metrics(),
  };
}

describe("generateMetrics", () => {
  it("gives what prom-client gives for the same recordings, byte for byte", async () => {
    const law = fc.asyncProperty(fc.array(recording, { maxLength: 40 }), async (recordings) => {
      const { client, refusals } = open();
      const theirs = openPromClient();
      for (const one of recordings) {
        record(client, one);
        theirs.record(one);
      }
      expect(await client.generateMetrics()).toBe(await theirs.metrics());
      expect(refusals).toEqual([]);
    });
    await fc.assert(law);
  });

  it("rounds a sum once, where prom-client rounds after each addition", async () => {
    const { client } = open();
    const theirs = openPromClient();
    for (let i = 0; i < 10; i += 1) {
      const tenth = { metric: "misses_total", value: 0.1, labels: {} } as const;
      record(client, tenth);
      theirs.record(tenth);
    }
    expect(sampleLines(await client.generateMetrics())).toEqual(new Map([["misses_total", "1"]]));
    expect(await theirs.metrics()).toContain("misses_total 0.9999999999999999");
  });

  it("keeps apart two label sets that prom-client takes for one", async () => {
    const { client } = open();
    const theirs = openPromClient();
    const sets = [
      { a: "1,b:2", b: "3" },
      { a: "1", b: "2,b:3" },
    ];
    for (const labels of sets) {
      record(client, { metric: "hits", value: 1, labels });
      theirs.record({ metric: "hits", value: 1, labels });
    }
    expect([...sampleLines(await client.generateMetrics())]).toEqual([
      ['hits_total{a="1,b:2",b="3"}', "1"],
      ['hits_total{a="1",b="2,b:3"}', "1"],
    ]);
    expect([...sampleLines(await theirs.metrics())]).toEqual([
      ['hits_total{a="1,b:2",b="3"}', "2"],
    ]);
  });

  it("is empty before anything was recorded", async () => {
    expect(await open().client.generateMetrics()).toBe("\n");
  });
});

describe("increment", () => {
  it("adds 1 when it is told no value", async () => {
    const { client } = open();
    client.increment("orders");
    client.increment("orders", 2);
    const lines = sampleLines(await client.generateMetrics());
    expect(lines).toEqual(new Map([["orders_total", "3"]]));
  });
});

describe("gauge", () => {
  it("keeps the value set last", async () => {
    const { client } = open();
    client.gauge("depth", 5);
    client.gauge("depth", -2.5);
    expect(sampleLines(await client.generateMetrics())).toEqual(new Map([["depth", "-2.5"]]));
  });
});

describe("timer", () => {
  afterEach(() => vi.useRealTimers());

  it.each([
    ["query_duration_milliseconds", { engine: "e", query_type: "q" }, 1_500],
    ["lambda_init_duration_seconds", {}, 1.5],
    ["wait", {}, 1.5],
  ])("observes %s in the unit of its name", async (name, labels, expected) => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { client, refusals } = open();
    const stop = client.timer(name, labels);
    vi.advanceTimersByTime(1_500);
    expect(stop()).toBe(expected);
    const [family] = readExposition(await client.generateMetrics());
    expect(family).toMatchObject({ name, samples: [{ labels, sum: expected, count: 1 }] });
    expect(refusals).toEqual([]);
  });

  it("adds the labels that are known only at the end", async () => {
    const { client } = open();
    client.timer("wait_seconds", { a: "1", b: "start" })({ b: "stop", c: "3" });
    const [family] = readExposition(await client.generateMetrics());
    expect(family?.samples[0]?.labels).toEqual({ a: "1", b: "stop", c: "3" });
  });

  it("may be stopped again, and observes each time", async () => {
    const { client } = open();
    const stop = client.timer("wait_seconds");
    stop();
    stop();
    expect(sampleLines(await client.generateMetrics()).get("wait_seconds_count")).toBe("2");
  });

  it("returns the time even when it can't be recorded", () => {
    const { client, refusals } = open();
    expect(client.timer("bad name")()).toBeGreaterThanOrEqual(0);
    expect(refusals.map(({ reason }) => reason)).toEqual(["invalid_name"]);
  });
});

describe("beyond the cap", () => {
  it("nothing is lost: samples go to the overflow series and are refused as asked", async () => {
    const { client, refusals } = open({ maxLabelSets: 2 });
    for (const a of ["1", "2", "3", "4", "1"]) client.increment("orders", 1, { a });
    expect([...sampleLines(await client.generateMetrics())]).toEqual([
      ['orders_total{a="1"}', "2"],
      ['orders_total{a="2"}', "1"],
      ['orders_total{a="overflow"}', "2"],
    ]);
    expect(refusals.map(({ reason }) => reason)).toEqual(Array(2).fill("too_many_label_sets"));
  });
});

describe("collect", () => {
  it("gives each sample once", async () => {
    const { client } = open();
    client.increment("orders", 2);
    expect([...client.collect()].map(({ definition }) => definition.name)).toEqual([
      "orders_total",
    ]);
    expect([...client.collect()]).toEqual([]);
    client.increment("orders", 3);
    expect(sampleLines(await client.generateMetrics())).toEqual(new Map([["orders_total", "3"]]));
  });
});

describe("two invocations that overlap (promise 6)", () => {
  it("see what they would see alone", async () => {
    const interleaved = fc.array(fc.tuple(fc.boolean(), recording), { maxLength: 40 });
    const law = fc.asyncProperty(interleaved, async (recordings) => {
      const { client, definitions } = open();
      const other = createMetricsClient(definitions, () => {});
      const [alone, otherAlone] = [open().client, open().client];
      for (const [isOther, one] of recordings) {
        record(isOther ? other : client, one);
        record(isOther ? otherAlone : alone, one);
      }
      expect(await client.generateMetrics()).toBe(await alone.generateMetrics());
      expect(await other.generateMetrics()).toBe(await otherAlone.generateMetrics());
    });
    await fc.assert(law);
  });
});

/** Objects that lie, throw or are not what a label set should be. */
const trap = new Proxy(
  {},
  {
    ownKeys: () => {
      throw new Error("trapped");
    },
    get: () => {
      throw new Error("trapped");
    },
  },
);
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true, maxDepth: 1 }),
  fc.dictionary(
    fc.constantFrom("a", "__proto__", "toString", "constructor", "le", "job", "b-c", "é", ""),
    fc.oneof(
      fc.string({ unit: fc.constantFrom("\ud800", "\udc00", '"', "\\", "\n", "\u0000", "x") }),
      fc.anything({ maxDepth: 0 }),
      fc.constantFrom(Symbol("x"), "y".repeat(1_000)),
    ),
    { noNullPrototype: false },
  ),
  fc.constantFrom<unknown>(
    null,
    undefined,
    Symbol("x"),
    () => "x",
    trap,
    "x".repeat(1_000),
    JSON.parse('{"__proto__":"x"}'),
    Object.defineProperty({}, "a", { enumerable: true, get: () => trap["x" as keyof typeof trap] }),
    Object.create({ a: "inherited" }),
    { a: "fine" },
    { a: { toString: () => "x" } },
  ),
);
const hostileName = fc.oneof(
  hostile,
  fc.constantFrom(
    "x",
    "x_count",
    "x_total",
    "labels",
    "__proto__",
    "constructor",
    "hasOwnProperty",
  ),
);
const hostileValue = fc.oneof(hostile, fc.double(), fc.constantFrom(1, 0, -0, -1, 5e-324));

function recordHostile(client: InvocationMetrics, calls: readonly unknown[][]): void {
  for (const [method, name, value, labels] of calls) {
    const given = labels as LabelSet;
    if (method === 0) client.increment(name as string, value as number, given);
    else if (method === 1) client.gauge(name as string, value as number, given);
    else if (method === 2) client.histogram(name as string, value as number, given);
    else client.timer(name as string, given)(value as LabelSet);
  }
}

const hostileCalls = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 3 }), hostileName, hostileValue, hostile),
  { maxLength: 30 },
);

/** What would be pushed after these calls. */
function pushed(calls: readonly unknown[][]): string {
  const { client } = open({ maxLabelSets: 5 });
  recordHostile(client, calls);
  const totals = createTotals();
  for (const recorded of client.collect()) totals.merge(recorded);
  totals.take(() => true);
  return totals
    .format()
    .map(({ text }) => text)
    .join("");
}

describe("hostile callers", () => {
  it("never make it throw, nor write anything that a Pushgateway refuses", async () => {
    const law = fc.asyncProperty(hostileCalls, async (calls) => {
      const { client } = open({ maxLabelSets: 5 });
      recordHostile(client, calls);
      readExposition(await client.generateMetrics());
      readExposition(pushed(calls));
    });
    await fc.assert(law, { numRuns: 500 });
  });

  it.skipIf(isPromtoolMissing)("never write anything that promtool can't read", () => {
    const calls = fc.sample(hostileCalls, { numRuns: 50, seed: 1 }).flat();
    expect(checkMetrics(pushed(calls)).errors).toEqual([]);
  });

  it("are told what was wrong, in one short line", () => {
    const { client, refusals } = open();
    recordHostile(client, [
      [0, "x".repeat(1_000_000), 1, {}],
      [0, "x", 1, Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`l${i}`, "1"]))],
      [1, "x", trap, { a: "1" }],
      [1, "x", 1, trap],
      [1, "a\nb", 1, {}],
    ]);
    expect(refusals.map(({ reason }) => reason)).toEqual([
      "invalid_name",
      "invalid_label",
      "invalid_value",
      "internal",
      "invalid_name",
    ]);
    for (const { detail } of refusals) {
      expect(detail.length).toBeLessThan(400);
      expect(detail).not.toContain("\n");
    }
  });
});

describe("strict mode", () => {
  it("throws what the environment throws, and records nothing", async () => {
    const client = createMetricsClient(createDefinitions({ maxLabelSets: 1 }), ({ detail }) => {
      throw new Error(detail);
    });
    expect(() => client.increment("orders", -1)).toThrow("metric orders_total: value -1");
    expect(() => client.gauge("depth", 1, trap)).toThrow("metric depth: reading its labels threw");
    client.gauge("depth", 1, { a: "1" });
    expect(() => client.gauge("depth", 2, { a: "2" })).toThrow("at most 1 label sets");
    expect(sampleLines(await client.generateMetrics())).toEqual(new Map([['depth{a="1"}', "1"]]));
  });
});
