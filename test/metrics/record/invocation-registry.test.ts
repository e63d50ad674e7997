import fc from "fast-check";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { cumulativeCounts } from "../../../lib/metrics/amount.ts";
import { labelKey, type MetricDefinition } from "../../../lib/metrics/definition.ts";
import { roundSum } from "../../../lib/metrics/exact-sum.ts";
import type { LabelSet } from "../../../lib/metrics/family.ts";
import {
  createInvocationRegistry,
  type InvocationRegistry,
} from "../../../lib/metrics/record/invocation-registry.ts";
import { exactTotal } from "../../support/exact-doubles.ts";
import { sampleLines } from "../../support/exposition.ts";

const ORDERS = { name: "orders_total", type: "counter", help: "Orders.", labels: ["a"] } as const;
const LEVEL = { name: "level", type: "gauge", help: "Level.", labels: ["a"] } as const;
const WAIT = {
  name: "wait_seconds",
  type: "histogram",
  help: "Wait.",
  labels: ["a"],
  buckets: [0.5, 1, 10],
} as const;
const PAIRS = { name: "pairs_total", type: "counter", help: "P.", labels: ["a", "b"] } as const;

interface Recording {
  readonly definition: MetricDefinition;
  readonly labels: LabelSet;
  readonly value: number;
}

function record(registry: InvocationRegistry, { definition, labels, value }: Recording): void {
  registry.record({ definition, key: labelKey(definition, labels), labels }, value);
}

function registryOf(...recordings: readonly Recording[]): InvocationRegistry {
  const registry = createInvocationRegistry();
  for (const recording of recordings) record(registry, recording);
  return registry;
}

/** What was collected, as plain values: counters and gauges one, histograms counts and sum. */
function collected(registry: InvocationRegistry): Record<string, unknown> {
  const entries = [...registry.collect()].flatMap(({ definition, series }) =>
    [...series.values()].map(({ labels, amount, gauge }) => {
      const total = definition.type === "gauge" ? gauge : roundSum(amount.sum);
      const value = definition.type === "histogram" ? [...cumulativeCounts(amount), total] : total;
      return [`${definition.name} ${JSON.stringify(labels)}`, value];
    }),
  );
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** In 64ths, since prom-client rounds after each addition. */
const recordings = fc.array(
  fc.record({
    definition: fc.constantFrom<MetricDefinition>(ORDERS, LEVEL, WAIT),
    labels: fc.constantFrom("1", "2", 'q"\\\n').map((a) => ({ a })),
    value: fc.integer({ min: 0, max: 1_000 }).map((n) => n / 64),
  }),
  { maxLength: 20 },
);

describe("an invocation's registry", () => {
  it("adds up counters, keeps the last value of gauges, and sorts observations into buckets", () => {
    const registry = registryOf(
      { definition: ORDERS, labels: { a: "1" }, value: 2 },
      { definition: ORDERS, labels: { a: "1" }, value: 3 },
      { definition: ORDERS, labels: { a: "2" }, value: 1 },
      { definition: LEVEL, labels: { a: "1" }, value: 7 },
      { definition: LEVEL, labels: { a: "1" }, value: 4 },
      { definition: WAIT, labels: { a: "1" }, value: 0.5 },
      { definition: WAIT, labels: { a: "1" }, value: 70 },
    );
    expect(collected(registry)).toEqual({
      'orders_total {"a":"1"}': 5,
      'orders_total {"a":"2"}': 1,
      'level {"a":"1"}': 4,
      'wait_seconds {"a":"1"}': [1, 1, 1, 2, 70.5],
    });
  });

  it("has only the families that were recorded in", () => {
    expect([...createInvocationRegistry().collect()]).toEqual([]);
    const registry = registryOf({ definition: LEVEL, labels: { a: "1" }, value: 1 });
    expect([...registry.collect()].map(({ definition }) => definition)).toEqual([LEVEL]);
  });

  it("gives everything once, and then starts over", async () => {
    const recording = { definition: ORDERS, labels: { a: "1" }, value: 2 };
    const registry = registryOf(recording);
    const first = registry.collect();
    record(registry, recording);
    expect([...first].map(({ series }) => [...series.values()][0]?.amount.sum.integer)).toEqual([
      2,
    ]);
    expect(collected(registry)).toEqual({ 'orders_total {"a":"1"}': 2 });
    expect(await registry.metrics()).toBe("\n");
  });

  it("adds exactly, in any order", () => {
    const values = fc.array(fc.double({ min: 0, max: 1e300, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, (values) => {
        const all = values.map((value) => ({ definition: ORDERS, labels: { a: "1" }, value }));
        expect(collected(registryOf(...all))).toEqual({
          'orders_total {"a":"1"}': exactTotal(values),
        });
      }),
    );
  });

  it("keeps apart the label sets that prom-client takes for one", async () => {
    const registry = registryOf(
      { definition: PAIRS, labels: { a: "1,b:2", b: "3" }, value: 1 },
      { definition: PAIRS, labels: { a: "1", b: "2,b:3" }, value: 1 },
    );
    expect(sampleLines(await registry.metrics()).size).toBe(2);
  });

  it("shares nothing with another that records the same in between", () => {
    fc.assert(
      fc.property(recordings, recordings, (one, other) => {
        const [a, b] = [createInvocationRegistry(), createInvocationRegistry()];
        for (let i = 0; i < Math.max(one.length, other.length); i += 1) {
          if (one[i] !== undefined) record(a, one[i] as Recording);
          if (other[i] !== undefined) record(b, other[i] as Recording);
        }
        expect(collected(a)).toEqual(collected(registryOf(...one)));
        expect(collected(b)).toEqual(collected(registryOf(...other)));
      }),
    );
  });

  it("shows as text what prom-client shows for the same recordings, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(recordings, async (all) => {
        const ours = await registryOf(...all).metrics();
        expect(ours).toBe(await promClientText(all));
      }),
    );
  });
});

/** prom-client's own page, its families in the order in which they were first recorded in. */
async function promClientText(all: readonly Recording[]): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const metrics = new Map<string, (labels: LabelSet, value: number) => void>();
  const open = ({ name, help, type, buckets = [] }: MetricDefinition) => {
    const options = { name, help, labelNames: ["a"], registers };
    if (type === "counter") {
      const counter = new Counter(options);
      return (labels: LabelSet, value: number) => counter.inc(labels, value);
    }
    if (type === "gauge") {
      const gauge = new Gauge(options);
      return (labels: LabelSet, value: number) => gauge.set(labels, value);
    }
    const histogram = new Histogram({ ...options, buckets: [...buckets] });
    return (labels: LabelSet, value: number) => histogram.observe(labels, value);
  };
  for (const { definition, labels, value } of all) {
    const recordIn = metrics.get(definition.name) ?? open(definition);
    metrics.set(definition.name, recordIn);
    recordIn(labels, value);
  }
  return registry.metrics();
}
