import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MetricDefinition } from "../../../lib/metrics/definition.ts";
import { createDefinitions, type Definitions } from "../../../lib/metrics/record/definitions.ts";
import type { LabelSet, MetricType } from "../../../lib/metrics/family.ts";
import { createMetricsClient } from "../../../lib/metrics/record/metrics-client.ts";
import { isRefusal } from "../../../lib/metrics/record/refusal.ts";
import { createTotals, type Fate, type Totals } from "../../../lib/metrics/push/totals.ts";
import { readExposition, sampleLines } from "../../support/exposition.ts";
import { checkMetrics, isPromtoolMissing } from "../../support/promtool.ts";

const METRICS: readonly MetricDefinition[] = [
  { name: "orders_total", type: "counter", help: "Orders.", labels: ["a"] },
  { name: "visits_total", type: "counter", help: "Visits." },
  { name: "wait_seconds", type: "histogram", help: "Waits.", labels: ["a"], buckets: [1, 4] },
  { name: "queue_length", type: "gauge", help: "Queue length.", labels: ["a"] },
];

interface Recording {
  readonly name: string;
  readonly value: number;
  readonly labels: LabelSet;
}

type Step =
  | { readonly do: "initialise"; readonly name: string; readonly labels: LabelSet }
  | { readonly do: "merge"; readonly recordings: readonly Recording[] }
  | { readonly do: "take"; readonly families: readonly string[] }
  | { readonly do: "settle"; readonly fate: Fate; readonly families: readonly string[] }
  | { readonly do: "start over" };

const names = METRICS.map(({ name }) => name);
const labelsOf = (name: string, a: string): LabelSet => (name === "visits_total" ? {} : { a });
const typeOf = (name: string): MetricType =>
  METRICS.find((metric) => metric.name === name)?.type ?? "gauge";

const name = fc.constantFrom(...names);
const a = fc.constantFrom("1", "2", 'q"');
const someNames = fc.oneof(fc.constant(names), fc.subarray(names));
/** In 64ths, so that plain sums are exact. */
const value = fc.integer({ min: 0, max: 640 }).map((n) => n / 64);
const recording = fc
  .record({ name, a, value })
  .map(({ name, a, value }): Recording => ({ name, value, labels: labelsOf(name, a) }));
const fate = fc.constantFrom<Fate>("acknowledged", "pending", "surrendered");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("merge" as const),
      recordings: fc.array(recording, { maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("take" as const), families: someNames }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("settle" as const), fate, families: someNames }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("start over" as const) }) },
  {
    weight: 1,
    arbitrary: fc
      .record({ name, a })
      .map(({ name, a }) => ({ do: "initialise" as const, name, labels: labelsOf(name, a) })),
  },
);

/** The obvious way: every value that was recorded, in one of three lists. */
interface Lists {
  readonly name: string;
  readonly labels: LabelSet;
  acknowledged: number[];
  inFlight: number[];
  pending: number[];
  gauge: number;
}

function createModel() {
  const all = new Map<string, Lists>();
  const listsOf = (name: string, labels: LabelSet): Lists => {
    const key = `${name} ${labels["a"]}`;
    const known = all.get(key);
    if (known !== undefined) return known;
    const none = { acknowledged: [], inFlight: [], pending: [], gauge: 0 };
    const lists: Lists = { name, labels, ...none };
    all.set(key, lists);
    return lists;
  };
  return {
    isAnythingInFlight: () => [...all.values()].some(({ inFlight }) => inFlight.length > 0),
    initialise: (name: string, labels: LabelSet) => void listsOf(name, labels),
    merge(recordings: readonly Recording[]) {
      for (const { name, value, labels } of recordings) {
        const lists = listsOf(name, labels);
        if (typeOf(name) === "gauge") lists.gauge = value;
        else lists.pending.push(value);
      }
    },
    take(families: readonly string[]) {
      for (const lists of all.values()) {
        if (!families.includes(lists.name)) continue;
        lists.inFlight = lists.pending;
        lists.pending = [];
      }
    },
    settle(fate: Fate, families: readonly string[]) {
      let series = 0;
      for (const lists of all.values()) {
        if (!families.includes(lists.name) || lists.inFlight.length === 0) continue;
        if (fate === "acknowledged") lists.acknowledged.push(...lists.inFlight);
        if (fate === "pending") lists.pending.push(...lists.inFlight);
        lists.inFlight = [];
        series += 1;
      }
      return series;
    },
    startOver() {
      for (const lists of all.values()) lists.acknowledged = [];
    },
    lines: () => new Map([...all.values()].flatMap(linesOf)),
  };
}

function linesOf({ name, labels, acknowledged, inFlight, gauge }: Lists): [string, string][] {
  const values = [...acknowledged, ...inFlight];
  const sum = String(values.reduce((all, value) => all + value, 0));
  const label = Object.keys(labels).length === 0 ? "" : `a="${labels["a"]?.replace('"', '\\"')}"`;
  const braces = label === "" ? "" : `{${label}}`;
  const below = (le: number) => String(values.filter((value) => value <= le).length);
  if (typeOf(name) === "gauge") return [[`${name}${braces}`, String(gauge)]];
  if (typeOf(name) === "counter") return [[`${name}${braces}`, sum]];
  return [
    [`${name}_bucket{${label},le="1"}`, below(1)],
    [`${name}_bucket{${label},le="4"}`, below(4)],
    [`${name}_bucket{${label},le="+Inf"}`, String(values.length)],
    [`${name}_sum${braces}`, sum],
    [`${name}_count${braces}`, String(values.length)],
  ];
}

function open() {
  const definitions = createDefinitions({ metrics: METRICS, maxLabelSets: 10 });
  return { definitions, totals: createTotals() };
}

function merge(definitions: Definitions, totals: Totals, recordings: readonly Recording[]): void {
  const client = createMetricsClient(definitions, ({ detail }) => {
    throw new Error(detail);
  });
  for (const { name, value, labels } of recordings) {
    if (typeOf(name) === "gauge") client.gauge(name, value, labels);
    else if (typeOf(name) === "counter") client.increment(name, value, labels);
    else client.histogram(name, value, labels);
  }
  for (const recorded of client.collect()) totals.merge(recorded);
}

function initialise(definitions: Definitions, totals: Totals, name: string, labels: LabelSet) {
  const admission = definitions.admit(typeOf(name), name, 0, labels);
  if (isRefusal(admission)) throw new Error(admission.detail);
  totals.initialise(admission);
}

const textOf = (totals: Totals) =>
  totals
    .format()
    .map(({ text }) => text)
    .join("");

describe("totals", () => {
  it("format what every value by itself, kept in three lists, adds up to", () => {
    const law = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { definitions, totals } = open();
      const model = createModel();
      for (const step of steps) {
        if (step.do === "merge") {
          merge(definitions, totals, step.recordings);
          model.merge(step.recordings);
        } else if (step.do === "initialise") {
          initialise(definitions, totals, step.name, step.labels);
          model.initialise(step.name, step.labels);
        } else if (step.do === "settle") {
          const isIncluded = (name: string) => step.families.includes(name);
          const settled = totals.settle(step.fate, isIncluded);
          expect(settled).toBe(model.settle(step.fate, step.families));
        } else if (model.isAnythingInFlight()) {
          // Only what has landed may take off again, or be left behind.
          expect(totals.settle("pending")).toBe(model.settle("pending", names));
        } else if (step.do === "take") {
          totals.take((name) => step.families.includes(name));
          model.take(step.families);
        } else {
          totals.startOver();
          model.startOver();
        }
        expect(sampleLines(textOf(totals))).toEqual(model.lines());
      }
    });
    fc.assert(law, { numRuns: 300 });
  });

  it("lose nothing and double nothing: all that was merged arrives, in one incarnation or another", () => {
    const law = fc.property(
      fc.array(fc.tuple(fc.array(recording), fate), { maxLength: 15 }),
      (rounds) => {
        const { definitions, totals } = open();
        let surrendered = 0;
        let arrived = 0;
        for (const [recordings, fate] of rounds) {
          merge(definitions, totals, recordings);
          const before = observations(totals);
          totals.take(() => true);
          const inFlight = observations(totals) - before;
          totals.settle(fate);
          if (fate === "surrendered") surrendered += inFlight;
          if (fate === "surrendered") {
            arrived += observations(totals);
            totals.startOver();
          }
        }
        totals.take(() => true);
        totals.settle("acknowledged");
        const recorded = rounds
          .flatMap(([recordings]) => recordings)
          .filter(({ name }) => name === "wait_seconds").length;
        expect(arrived + observations(totals) + surrendered).toBe(recorded);
      },
    );
    fc.assert(law);
  });

  it("are in the exposition format, each family with HELP, TYPE and its own sample count", () => {
    const { definitions, totals } = open();
    initialise(definitions, totals, "visits_total", {});
    merge(definitions, totals, [
      { name: "wait_seconds", value: 2, labels: { a: "\\\n" } },
      { name: "queue_length", value: -1, labels: { a: "1" } },
    ]);
    totals.take(() => true);
    expect(totals.format()).toEqual([
      {
        name: "visits_total",
        text: "# HELP visits_total Visits.\n# TYPE visits_total counter\nvisits_total 0\n",
        samples: 1,
      },
      {
        name: "wait_seconds",
        text: [
          "# HELP wait_seconds Waits.",
          "# TYPE wait_seconds histogram",
          'wait_seconds_bucket{a="\\\\\\n",le="1"} 0',
          'wait_seconds_bucket{a="\\\\\\n",le="4"} 1',
          'wait_seconds_bucket{a="\\\\\\n",le="+Inf"} 1',
          'wait_seconds_sum{a="\\\\\\n"} 2',
          'wait_seconds_count{a="\\\\\\n"} 1',
          "",
        ].join("\n"),
        samples: 5,
      },
      {
        name: "queue_length",
        text: '# HELP queue_length Queue length.\n# TYPE queue_length gauge\nqueue_length{a="1"} -1\n',
        samples: 1,
      },
    ]);
  });

  it("say how many samples each family has, whatever was recorded", () => {
    const law = fc.property(fc.array(recording), (recordings) => {
      const { definitions, totals } = open();
      merge(definitions, totals, recordings);
      for (const { text, samples } of totals.format()) expect(sampleLines(text).size).toBe(samples);
    });
    fc.assert(law);
  });

  it("round a sum once, over all pushes together", () => {
    const { definitions, totals } = open();
    for (let i = 0; i < 10; i += 1) {
      merge(definitions, totals, [{ name: "visits_total", value: 0.1, labels: {} }]);
      totals.take(() => true);
      totals.settle("acknowledged");
    }
    expect(sampleLines(textOf(totals)).get("visits_total")).toBe("1");
  });

  it("never fall while nothing starts over, not by one unit in the last place (promise 3)", () => {
    const amount = fc.double({ min: 0, max: 1e12, noNaN: true });
    const law = fc.property(fc.array(amount, { maxLength: 50 }), (values) => {
      const { definitions, totals } = open();
      let last = 0;
      for (const value of values) {
        merge(definitions, totals, [{ name: "visits_total", value, labels: {} }]);
        totals.take(() => true);
        const now = Number(sampleLines(textOf(totals)).get("visits_total"));
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
        totals.settle("acknowledged");
        expect(Number(sampleLines(textOf(totals)).get("visits_total"))).toBe(now);
      }
    });
    fc.assert(law);
  });

  it.skipIf(isPromtoolMissing)("pass promtool, with any labels", () => {
    const { definitions, totals } = open();
    const labels = fc.sample(fc.string({ unit: "binary" }), { numRuns: 9, seed: 1 });
    const recordings = labels.flatMap((a) =>
      names.map((name) => ({ name, value: 1.5, labels: labelsOf(name, a) })),
    );
    merge(definitions, totals, recordings);
    totals.take(() => true);
    expect(checkMetrics(textOf(totals))).toEqual({ errors: [], lints: [] });
    expect(readExposition(textOf(totals)).map(({ name }) => name)).toEqual(names);
  });
});

/** Observations of the one histogram that are acknowledged or in flight. */
function observations(totals: Totals): number {
  const counts = [...sampleLines(textOf(totals))].filter(([line]) => /_count\b/.test(line));
  return counts.reduce((all, [, value]) => all + Number(value), 0);
}
