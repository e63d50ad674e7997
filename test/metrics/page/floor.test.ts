import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HistogramSample, MetricFamily } from "../../../lib/metrics/family.ts";
import { raiseToFloor } from "../../../lib/metrics/page/floor.ts";

const counter = (name: string, ...values: [label: string, value: number][]): MetricFamily => ({
  name,
  help: name,
  type: "counter",
  samples: values.map(([label, value]) => ({ labels: { label }, value })),
});
const gauge = (name: string, value: number): MetricFamily => ({
  name,
  help: name,
  type: "gauge",
  samples: [{ labels: {}, value }],
});
const histogram = (
  name: string,
  buckets: HistogramSample["buckets"],
  sum: number,
): MetricFamily => ({
  name,
  help: name,
  type: "histogram",
  samples: [{ labels: {}, buckets, sum, count: buckets.at(-1)?.[1] ?? 0 }],
});

describe("raiseToFloor", () => {
  it("serves a page that is above the floor as it is, and makes it the next floor", () => {
    const page = [counter("a_total", ["x", 5]), gauge("g", 1)];
    const raised = raiseToFloor(page, [counter("a_total", ["x", 4])]);
    expect(raised).toEqual({
      families: page,
      floor: [counter("a_total", ["x", 5])],
      isHeld: false,
      isChanged: true,
    });
  });

  it("writes nothing when nothing has changed", () => {
    const page = [
      counter("a_total", ["x", 5]),
      histogram(
        "h",
        [
          [1, 2],
          [Infinity, 3],
        ],
        4.5,
      ),
    ];
    const { floor } = raiseToFloor(page, []);
    expect(raiseToFloor(page, floor)).toMatchObject({ isHeld: false, isChanged: false, floor });
  });

  it.each([
    { what: "a counter that fell", page: [counter("a_total", ["x", 1])] },
    { what: "a label set that is gone", page: [counter("a_total")] },
    { what: "a family that is gone", page: [] },
  ])("holds up $what", ({ page }) => {
    const floor = [counter("a_total", ["x", 5])];
    expect(raiseToFloor(page, floor)).toEqual({
      families: floor,
      floor,
      isHeld: true,
      isChanged: false,
    });
  });

  it("holds up each bucket over the union of the bounds", () => {
    const page = [
      histogram(
        "h",
        [
          [2, 3],
          [Infinity, 4],
        ],
        5,
      ),
    ];
    const floor = [
      histogram(
        "h",
        [
          [1, 2],
          [3, 3],
          [Infinity, 3],
        ],
        9,
      ),
    ];
    const expected = [
      histogram(
        "h",
        [
          [1, 2],
          [2, 3],
          [3, 3],
          [Infinity, 4],
        ],
        9,
      ),
    ];
    expect(raiseToFloor(page, floor)).toMatchObject({ families: expected, isHeld: true });
  });

  it("keeps a family that a conflict leaves off the page for when it comes back", () => {
    const was = counter("a_total", ["x", 5]);
    const { families, floor, isHeld } = raiseToFloor([gauge("a_total", 1)], [was]);
    expect(families).toEqual([gauge("a_total", 1)]);
    expect(floor).toEqual([was]);
    expect(isHeld).toBe(false);
    expect(raiseToFloor([counter("a_total", ["x", 6])], floor).families).toEqual([
      counter("a_total", ["x", 6]),
    ]);
  });

  it("restores one of two families that claim a name, the one served last, and keeps the other", () => {
    const asCounter = counter("a_count", ["x", 5]);
    const asHistogram = histogram("a", [[Infinity, 9]], 7);
    const first = raiseToFloor([asHistogram], []);
    const second = raiseToFloor([asCounter], first.floor);
    const lost = raiseToFloor([], second.floor);
    expect(lost.families).toEqual([asCounter]);
    expect(lost.floor).toEqual([asCounter, asHistogram]);
    expect(raiseToFloor([], lost.floor).families).toEqual([asCounter]);
    expect(raiseToFloor([histogram("a", [[Infinity, 8]], 6)], lost.floor).families).toEqual([
      asHistogram,
    ]);
  });

  it("never serves a value below one served before (promise 3)", () => {
    const values = fc.dictionary(
      fc.constantFrom("x", "y", "z"),
      fc.double({ min: 0, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(values, { maxLength: 12 }), (pages) => {
        let floor: readonly MetricFamily[] = [];
        const served = new Map<string, number>();
        for (const page of pages) {
          const raised = raiseToFloor([counter("a_total", ...Object.entries(page))], floor);
          floor = raised.floor;
          const [family] = raised.families;
          const now = new Map(
            family?.type === "counter"
              ? family.samples.map(({ labels, value }) => [labels["label"] ?? "", value])
              : [],
          );
          for (const [label, value] of served) {
            expect(now.get(label)).toBeGreaterThanOrEqual(value);
          }
          for (const [label, value] of now) served.set(label, value);
        }
      }),
    );
  });
});
