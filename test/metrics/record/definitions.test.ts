import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MetricDefinition } from "../../../lib/metrics/definition.ts";
import {
  createDefinitions,
  MAX_FAMILIES,
  type Admission,
} from "../../../lib/metrics/record/definitions.ts";
import type { LabelSet, MetricType } from "../../../lib/metrics/family.ts";
import { isRefusal, type Refusal } from "../../../lib/metrics/record/refusal.ts";

const open = (metrics: readonly MetricDefinition[] = [], maxLabelSets = 10) =>
  createDefinitions({ metrics, maxLabelSets });

function admitted(outcome: Admission | Refusal): Admission {
  if (isRefusal(outcome)) throw new Error(outcome.detail);
  return outcome;
}

const reasonOf = (outcome: Admission | Refusal) => (isRefusal(outcome) ? outcome.reason : "taken");

describe("first use", () => {
  it("registers a counter, with _total at its end", () => {
    const definitions = open();
    const { definition } = admitted(definitions.admit("counter", "orders", 1, { b: "1", a: "2" }));
    expect(definition).toMatchObject({ name: "orders_total", type: "counter", labels: ["a", "b"] });
    expect(definitions.all()).toContain(definition);
  });

  it("gets what is registered already, with or without _total", () => {
    const definitions = open();
    const first = admitted(definitions.admit("counter", "orders", 1, { a: "1" }));
    const second = admitted(definitions.admit("counter", "orders_total", 2, { a: "1" }));
    expect(second).toBe(first);
  });

  it("gives a histogram the buckets of the unit in its name", () => {
    const { definition } = admitted(open().admit("histogram", "size_bytes", 1, {}));
    expect(definition.buckets?.[0]).toBe(256);
  });

  it.each<[string, MetricType, string, number, LabelSet]>([
    ["a bad value", "counter", "orders", -1, {}],
    ["a bad label value", "counter", "orders", 1, { a: 1 as unknown as string }],
    ["a reserved label", "counter", "orders", 1, { job: "x" }],
  ])("leaves nothing behind after %s", (_, type, name, value, labels) => {
    const definitions = open();
    const before = definitions.all();
    expect(reasonOf(definitions.admit(type, name, value, labels))).not.toBe("taken");
    expect(definitions.all()).toEqual(before);
    expect(reasonOf(definitions.admit("gauge", "orders_total", 1, { other: "1" }))).toBe("taken");
  });

  it(`takes ${MAX_FAMILIES} families and no more`, () => {
    const definitions = open();
    const room = MAX_FAMILIES - definitions.all().length;
    for (let i = 0; i < room; i += 1) {
      expect(reasonOf(definitions.admit("gauge", `g${i}`, 1, {}))).toBe("taken");
    }
    expect(reasonOf(definitions.admit("gauge", "one_more", 1, {}))).toBe("too_many_families");
    expect(reasonOf(definitions.admit("gauge", "g0", 2, {}))).toBe("taken");
  });
});

describe("a sample is refused", () => {
  const metrics: MetricDefinition[] = [
    { name: "depth", type: "gauge", help: "Depth." },
    { name: "size", type: "histogram", help: "Sizes.", labels: ["a"], buckets: [1] },
    { name: "old_count", type: "gauge", help: "Old." },
  ];

  it.each<[string, MetricType, string, number, LabelSet]>([
    ["invalid_name", "counter", "", 1, {}],
    ["invalid_name", "gauge", "a b", 1, {}],
    ["invalid_name", "gauge", "", 1, {}],
    ["invalid_name", "gauge", undefined as unknown as string, 1, {}],
    ["invalid_name", "counter", Symbol("x") as unknown as string, 1, {}],
    ["reserved_name", "gauge", "labels", 1, {}],
    ["reserved_name", "counter", "process_restarts", 1, {}],
    ["reserved_name", "histogram", "go_pauses", 1, {}],
    ["type_conflict", "histogram", "depth", 1, {}],
    ["type_conflict", "gauge", "size", 1, { a: "1" }],
    ["type_conflict", "gauge", "api_requests_total", 1, {}],
    ["name_clash", "gauge", "size_count", 1, {}],
    ["name_clash", "gauge", "size_sum", 1, {}],
    ["name_clash", "gauge", "size_bucket", 1, {}],
    ["name_clash", "histogram", "old", 1, {}],
    ["invalid_label", "gauge", "new", 1, { le: "1" }],
    ["invalid_label", "gauge", "new", 1, { __name__: "1" }],
    ["invalid_label", "gauge", "new", 1, null as unknown as LabelSet],
    ["invalid_label", "gauge", "new", 1, "abc" as unknown as LabelSet],
    ["invalid_label", "gauge", "new", 1, ["1"] as unknown as LabelSet],
    ["invalid_label", "histogram", "size", 1, { a: "\ud800" }],
    ["label_mismatch", "histogram", "size", 1, {}],
    ["label_mismatch", "histogram", "size", 1, { a: "1", b: "2" }],
    ["label_mismatch", "histogram", "size", 1, { b: "1" }],
    ["label_mismatch", "gauge", "depth", 1, { a: "1" }],
    ["invalid_value", "histogram", "size", -1, { a: "1" }],
    ["invalid_value", "gauge", "depth", NaN, {}],
    ["invalid_value", "counter", "orders", Infinity, {}],
  ])("as %s: %s %s %d %o", (reason, type, name, value, labels) => {
    expect(reasonOf(open(metrics).admit(type, name, value, labels))).toBe(reason);
  });
});

describe("definitions given at the start", () => {
  const mine: MetricDefinition = { name: "depth", type: "gauge", help: "Depth.", labels: ["a"] };

  it("are known, and taken once when given twice", () => {
    const definitions = open([mine, { ...mine, help: "Again." }]);
    expect(definitions.refused).toEqual([]);
    expect(definitions.all().filter(({ name }) => name === "depth")).toEqual([mine]);
  });

  it("replace a common one of the same name", () => {
    const replaced: MetricDefinition = {
      name: "query_duration_milliseconds",
      type: "histogram",
      help: "Query times.",
      buckets: [1],
    };
    const definitions = open([replaced]);
    const found = definitions.all().filter(({ name }) => name === replaced.name);
    expect(found).toEqual([replaced]);
  });

  it.each<[string, Partial<MetricDefinition>]>([
    ["invalid_name", { name: "a b" }],
    ["invalid_name", { name: "orders", type: "counter" }],
    ["reserved_name", { name: "labels" }],
    ["invalid_label", { name: "x", labels: ["service"] }],
    ["invalid_label", { name: "x", labels: ["a", "a"] }],
    ["invalid_value", { name: "x", type: "histogram", buckets: [2, 1] }],
    ["type_conflict", { name: "depth", labels: ["b"] }],
    ["name_clash", { name: "query_rows_returned_sum" }],
  ])("are refused as %s and said to be: %o", (reason, over) => {
    const definitions = open([mine, { ...mine, ...over }]);
    expect(definitions.refused.map((refused) => refused.reason)).toEqual([reason]);
  });

  it.each([null, undefined, "depth", 1])("are refused that are no definition: %o", (given) => {
    const definitions = open([given as never, mine]);
    expect(definitions.refused.map((refused) => refused.reason)).toEqual(["invalid_definition"]);
    expect(definitions.all()).toContainEqual(mine);
  });
});

describe("a label set", () => {
  it("is the definition's own, whatever becomes of the caller's object", () => {
    const definitions = open();
    const labels = { b: "2", a: "1" };
    const first = admitted(definitions.admit("gauge", "depth", 1, labels));
    labels.a = "changed";
    expect(Object.entries(first.labels)).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
    expect(admitted(definitions.admit("gauge", "depth", 1, labels)).key).not.toBe(first.key);
  });

  it("is read once: a getter can't say one thing and mean another", () => {
    let reads = 0;
    const labels = {
      get a() {
        reads += 1;
        return reads === 1 ? "fine" : (Symbol("not fine") as unknown as string);
      },
    };
    const { key, labels: kept } = admitted(open().admit("gauge", "depth", 1, labels));
    expect([key, kept, reads]).toEqual(["fine", { a: "fine" }, 1]);
  });

  it("beyond the cap goes to one overflow series, and says so each time", () => {
    const definitions = open([], 3);
    const admit = (a: string) => admitted(definitions.admit("gauge", "depth", 1, { a, b: a }));
    for (const a of ["1", "2", "3"]) expect(admit(a).overflow).toBeUndefined();
    for (const a of ["4", "5", "4"]) {
      expect(admit(a)).toMatchObject({
        labels: { a: "overflow", b: "overflow" },
        overflow: { reason: "too_many_label_sets", metric: "depth" },
      });
    }
    expect(admit("4").key).toBe(admit("5").key);
    expect(admit("2")).toMatchObject({ labels: { a: "2", b: "2" } });
  });

  it("that is known beforehand takes no room from those that are not", () => {
    const definitions = open([{ name: "depth", type: "gauge", help: "Depth.", labels: ["a"] }], 1);
    for (const a of ["1", "2"]) admitted(definitions.admitZero("depth", { a }));
    const overflows = ["1", "2", "3", "3", "4"].map(
      (a) => admitted(definitions.admit("gauge", "depth", 1, { a })).overflow !== undefined,
    );
    expect(overflows).toEqual([false, false, false, false, true]);
    expect(reasonOf(definitions.admitZero("depth", { a: "5", b: "6" }))).toBe("label_mismatch");
    expect(reasonOf(definitions.admitZero("unknown", {}))).toBe("invalid_name");
  });

  it("is capped for each family by itself", () => {
    const definitions = open([], 1);
    for (const name of ["x", "y", "z"]) {
      const { overflow } = admitted(definitions.admit("gauge", name, 1, { a: "1" }));
      expect(overflow).toBeUndefined();
    }
  });

  it("is one of at most cap + 1 in a family, whatever is recorded", () => {
    const sample = fc.record({ a: fc.string(), b: fc.string() });
    const law = fc.property(fc.array(sample), fc.integer({ min: 1, max: 5 }), (samples, cap) => {
      const definitions = open([], cap);
      const keys = new Set<string>();
      for (const labels of samples) {
        const outcome = definitions.admit("counter", "x", 1, labels);
        if (!isRefusal(outcome)) keys.add(outcome.key);
      }
      expect(keys.size).toBeLessThanOrEqual(cap + 1);
    });
    fc.assert(law);
  });
});
