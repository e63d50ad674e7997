import { describe, expect, it } from "vitest";
import type { Base, Floor, PushgatewayState } from "../../../lib/metrics/retire/ledger.ts";
import type { StoredFamily, StoredSeries } from "../../../lib/metrics/tally.ts";
import { checkLedger } from "../../../ops/ledger/check-ledger.ts";

const counter = (name: string, ...series: StoredSeries[]): StoredFamily => ({
  name,
  type: "counter",
  help: name,
  pushedAtSeconds: 1,
  series,
});
const histogram = (layout: {
  bounds?: number[];
  counts?: number[][];
  sum?: number[];
}): StoredFamily => ({
  name: "h",
  type: "histogram",
  help: "h",
  pushedAtSeconds: 1,
  series: [
    { labels: {}, layouts: [{ bounds: [1, 2], counts: [[1], [1], [4]], sum: [3.5], ...layout }] },
  ],
});
const state = (change: Partial<PushgatewayState> = {}): PushgatewayState => ({
  url: "http://a",
  horizonSeconds: 1,
  offsetSeconds: 0,
  heldUntilSeconds: 0,
  tombstones: {},
  ...change,
});
const base = (...totals: StoredFamily[]): Base => ({ version: 1, totals, pushgateways: [state()] });
const EMPTY: Floor = { version: 0, families: [] };

it("finds nothing wrong with a sound ledger, nor with an empty one", () => {
  const sound = base(counter("a_total", { labels: { x: "1" }, counter: [3, 0.1] }), histogram({}));
  const floor: Floor = {
    version: 1,
    families: [
      { name: "a_total", type: "counter", help: "", samples: [{ labels: {}, value: 3 }] },
      {
        name: "h",
        type: "histogram",
        help: "",
        samples: [
          {
            labels: {},
            buckets: [
              [1, 2],
              [Infinity, 5],
            ],
            sum: 1,
            count: 5,
          },
        ],
      },
    ],
  };
  expect(checkLedger(sound, floor)).toEqual([]);
  expect(checkLedger({ version: 0, totals: [], pushgateways: [] }, EMPTY)).toEqual([]);
});

describe("a base", () => {
  it.each<[string, Base, RegExp]>([
    [
      "a total below 0",
      base(counter("a_total", { labels: {}, counter: [-1] })),
      /total: expected a finite number of at least 0, found -1/,
    ],
    [
      "a total that is null",
      base(counter("a_total", { labels: {}, counter: [null as unknown as number, NaN] })),
      /found NaN/,
    ],
    [
      "a series without a total",
      base(counter("a_total", { labels: {} })),
      /expected a total, found none/,
    ],
    [
      "a series twice",
      base(counter("a_total", { labels: {}, counter: [1] }, { labels: {}, counter: [1] })),
      /is there more than once/,
    ],
    [
      "a family twice",
      base(counter("a_total"), counter("a_total")),
      /counter a_total is there more than once/,
    ],
    [
      "buckets that fall",
      base(histogram({ counts: [[2], [1], [4]] })),
      /cumulative counts: expected never to fall, found 2, 1, 4/,
    ],
    [
      "a count too few",
      base(histogram({ counts: [[2], [4]] })),
      /expected 3 counts for 2 bounds, found 2/,
    ],
    ["bounds in disorder", base(histogram({ bounds: [2, 1] })), /bounds: expected ascending/],
    ["an infinite sum", base(histogram({ sum: [Infinity] })), /sum: .*found Infinity/],
    [
      "a Pushgateway twice",
      { version: 1, totals: [], pushgateways: [state(), state()] },
      /Pushgateway http:\/\/a is there more than once/,
    ],
    [
      "a tombstone without a time",
      { version: 1, totals: [], pushgateways: [state({ tombstones: { x: NaN } })] },
      /tombstone x: expected a time/,
    ],
    [
      "a horizon that is no time",
      { version: 1, totals: [], pushgateways: [state({ horizonSeconds: NaN })] },
      /horizon: expected a time/,
    ],
  ])("with %s is told of", (_fault, wrong, expected) => {
    const faults = checkLedger(wrong, EMPTY);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(expected);
  });
});

describe("a floor", () => {
  const floor = (...families: Floor["families"]): Floor => ({ version: 1, families });

  it.each<[string, Floor, RegExp]>([
    ["a gauge", floor({ name: "g", type: "gauge", help: "", samples: [] }), /a gauge has no floor/],
    [
      "a count below 0",
      floor({ name: "a_total", type: "counter", help: "", samples: [{ labels: {}, value: -2 }] }),
      /found -2/,
    ],
    [
      "a count that its last bucket is not",
      floor({
        name: "h",
        type: "histogram",
        help: "",
        samples: [{ labels: {}, buckets: [[Infinity, 4]], sum: 1, count: 5 }],
      }),
      /the last bucket is not the count/,
    ],
  ])("with %s is told of", (_fault, wrong, expected) => {
    const faults = checkLedger(base(), wrong);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(expected);
  });
});
