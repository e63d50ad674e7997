import { describe, expect, it } from "vitest";
import type { MetricDefinition } from "../../../lib/metrics/definition.ts";
import type { MetricType } from "../../../lib/metrics/family.ts";
import {
  isRefusal,
  refusal,
  refuseDefinition,
  refuseLabels,
  refuseValue,
  RESERVED_LABELS,
} from "../../../lib/metrics/record/refusal.ts";

const define = (over: Partial<MetricDefinition>): MetricDefinition => ({
  name: "x",
  type: "gauge",
  help: "x.",
  ...over,
});

describe("refuseDefinition", () => {
  it.each([
    define({ name: "orders_total", type: "counter" }),
    define({ name: "_x:y_Z9" }),
    define({ name: "a".repeat(200) }),
    define({ name: "gopher_count" }),
    define({ name: "label" }),
    define({ name: "metrics_pushes_total", type: "counter" }),
    define({ labels: ["a", "_b", "C9", "constructor", "le_", "a".repeat(128)] }),
    define({ type: "histogram", buckets: [-1, 0, 0.5, 1e300] }),
    define({ type: "histogram", buckets: [] }),
  ])("takes $name $labels $buckets", (definition) => {
    expect(refuseDefinition(definition)).toBeUndefined();
  });

  it.each(["", " x", "x y", "1x", "x-y", "é", "x\n", "x{}", "a".repeat(201), "a.b"])(
    "refuses the name %j",
    (name) => {
      expect(refuseDefinition(define({ name }))?.reason).toBe("invalid_name");
    },
  );

  it.each(["orders", "_total"])("refuses the counter %s: a name, then _total", (name) => {
    const refused = refuseDefinition(define({ name, type: "counter" }));
    expect(refused?.reason).toBe("invalid_name");
  });

  it.each([
    [{ type: "summary" }, "type: counter, gauge or histogram"],
    [{ help: undefined }, "help: text"],
    [{ labels: "ab" }, "labels, buckets and zeros: lists"],
    [{ buckets: null }, "labels, buckets and zeros: lists"],
    [{ zeros: {} }, "labels, buckets and zeros: lists"],
    [{ aggregation: "average" }, "aggregation: sum, max, min, avg or last"],
  ])("refuses a definition that no compiler has seen: %o", (over, expected) => {
    expect(refuseDefinition(define(over as unknown as Partial<MetricDefinition>))).toMatchObject({
      reason: "invalid_definition",
      detail: `metric x: expected ${expected}`,
    });
  });

  it.each([
    "go_goroutines",
    "go_",
    "process_cpu_seconds",
    "promhttp_x",
    "pushgateway_http_requests",
    "push_time_seconds",
    "push_failure_time_seconds",
    "labels",
    "last_push_successful",
    "metrics_push_sequence",
    "metrics_closed",
    "metrics_payload_samples",
    "metrics_page_environments",
    "constructor",
    "__proto__",
    "toString",
  ])("refuses the reserved name %s", (name) => {
    expect(refuseDefinition(define({ name }))?.reason).toBe("reserved_name");
  });

  it.each([
    ...[...RESERVED_LABELS].map((label) => [label]),
    ["__name__"],
    ["__proto__"],
    ["a-b"],
    ["1"],
    [""],
    ["a:b"],
    ["a".repeat(129)],
    ["a", "a"],
    Array.from({ length: 33 }, (_, i) => `l${i}`),
  ])("refuses the labels %s", (...labels) => {
    expect(refuseDefinition(define({ labels }))?.reason).toBe("invalid_label");
  });

  it.each([[[2, 1]], [[1, 1]], [[NaN]], [[1, Infinity]]])("refuses the buckets %o", (buckets) => {
    const refused = refuseDefinition(define({ type: "histogram", buckets }));
    expect(refused?.reason).toBe("invalid_value");
  });
});

describe("refuseValue", () => {
  it.each<[MetricType, number, boolean]>([
    ["counter", 0, true],
    ["counter", -0, true],
    ["counter", 0.1, true],
    ["counter", Number.MAX_VALUE, true],
    ["counter", -5e-324, false],
    ["histogram", 0, true],
    ["histogram", -1, false],
    ["gauge", -1, true],
    ["gauge", -Number.MAX_VALUE, true],
  ])("a %s takes %d: %s", (type, value, isTaken) => {
    expect(refuseValue(define({ type }), value)?.reason).toBe(
      isTaken ? undefined : "invalid_value",
    );
  });

  it.each([NaN, Infinity, -Infinity, "1", 1n, null, true, {}, [], Symbol("1"), () => 1])(
    "no type takes %o",
    (value) => {
      for (const type of ["counter", "gauge", "histogram"] as const) {
        expect(refuseValue(define({ type }), value as number)?.reason).toBe("invalid_value");
      }
    },
  );
});

describe("refuseLabels", () => {
  const definition = define({ labels: ["a", "b"] });
  const inherited = Object.create({ a: "1" }) as Record<string, string>;
  inherited["b"] = "2";
  inherited["c"] = "3";

  it.each([
    { a: "1", b: "2" },
    { b: "", a: "" },
    { a: '\u0000\n"\\', b: "😀" },
    { a: "a".repeat(512), b: "2" },
    Object.assign(Object.create(null) as object, { a: "1", b: "2" }),
    { a: "1", b: "2", [Symbol("c")]: "3" },
  ])("takes %o", (labels) => {
    expect(refuseLabels(definition, labels as Record<string, string>)).toBeUndefined();
  });

  it.each([{}, { a: "1" }, { a: "1", b: "2", c: "3" }, { a: "1", c: "2" }, inherited, ["1", "2"]])(
    "refuses the names of %o",
    (labels) => {
      const refused = refuseLabels(definition, labels as Record<string, string>);
      expect(refused?.reason).toBe("label_mismatch");
    },
  );

  it.each([1, null, undefined, {}, Symbol("1"), ["1"], "\ud800", "x\udc00y", "a".repeat(513)])(
    "refuses the value %o",
    (value) => {
      const refused = refuseLabels(definition, { a: "1", b: value as string });
      expect(refused?.reason).toBe("invalid_label");
    },
  );
});

describe("refusal", () => {
  it("names the metric and the problem in one line", () => {
    expect(refusal("invalid_value", "orders_total", "value -1: expected more")).toEqual({
      reason: "invalid_value",
      metric: "orders_total",
      detail: "metric orders_total: value -1: expected more",
    });
  });

  it.each([
    ["a\nb", '"a\\nb"'],
    ["x".repeat(1_000), `"${"x".repeat(80)}"`],
    [5, "5"],
    [null, "of type object"],
    [Symbol("x"), "of type symbol"],
    [Object.create(null), "of type object"],
  ])("shows %o, which is no name, as %s", (metric, shown) => {
    expect(refusal("invalid_name", metric, "expected text").metric).toBe(shown);
  });

  it("is told from other objects", () => {
    expect(isRefusal(refusal("internal", "x", "threw"))).toBe(true);
    expect(isRefusal({ reason: "one" })).toBe(false);
  });
});
