import { describe, expect, it } from "vitest";
import { createDefinitions } from "../../lib/metrics/record/definitions.ts";
import { createMetricsClient } from "../../lib/metrics/record/metrics-client.ts";
import { createTotals } from "../../lib/metrics/push/totals.ts";
import { differences, readSums, readSumsByInstance, sumsOf, type RecordedPart } from "./sums.ts";
import { FAMILIES, recordedBy, SECONDS_BOUNDS } from "./work.ts";

const PARTS = Array.from({ length: 300 }, (_, number): RecordedPart => ({ number, part: 2 }));

describe("sums", () => {
  it("of parts are what a client that records them says in text", () => {
    const metrics = [
      {
        name: FAMILIES.seconds,
        type: "histogram",
        help: "s",
        labels: ["kind"],
        buckets: SECONDS_BOUNDS,
      },
    ] as const;
    const definitions = createDefinitions({ metrics, maxLabelSets: 10 });
    const client = createMetricsClient(definitions, ({ detail }) => {
      throw new Error(detail);
    });
    for (const { number, part } of PARTS) {
      const { kind, orders, spent, weight, seconds } = recordedBy(number, part);
      client.increment(FAMILIES.process, orders, { process: "p" });
      client.increment(FAMILIES.orders, orders, { kind });
      client.increment(FAMILIES.spent, spent, { kind });
      client.increment(FAMILIES.weight, weight, { kind });
      client.histogram(FAMILIES.seconds, seconds, { kind });
    }
    const totals = createTotals();
    for (const recorded of client.collect()) totals.merge(recorded);
    totals.take(() => true);
    const text = totals
      .format()
      .map((family) => family.text)
      .join("");
    expect(differences(sumsOf("p", PARTS), readSums(text))).toEqual([]);
  });

  it("of a page are added up over whoever pushed", () => {
    const page = `# TYPE chaos_orders_total counter
chaos_orders_total{component="chaos",instance="a",kind="stop"} 2
chaos_orders_total{instance="b",kind="stop",component="chaos"} 3
other_total{kind="stop"} 4
`;
    expect([...readSums(page)]).toEqual([['chaos_orders_total{kind="stop"}', 5]]);
    const byInstance = readSumsByInstance(page);
    expect([...byInstance.keys()]).toEqual(["a", "b"]);
    expect([...(byInstance.get("b") ?? [])]).toEqual([['chaos_orders_total{kind="stop"}', 3]]);
  });

  it("differ by one bit, but for sums of tenths", () => {
    const one = new Map([
      ["chaos_spent_total{}", 0.1 + 0.2],
      ["chaos_weight_total{}", 0.1 + 0.2],
    ]);
    const other = new Map([
      ["chaos_spent_total{}", 0.3],
      ["chaos_weight_total{}", 0.3],
    ]);
    expect(differences(one, other).map(({ series }) => series)).toEqual(["chaos_spent_total{}"]);
    expect(differences(new Map(), new Map([["x", 0]]))).toEqual([]);
    expect(differences(new Map(), new Map([["x", 1]]))).toHaveLength(1);
  });
});
