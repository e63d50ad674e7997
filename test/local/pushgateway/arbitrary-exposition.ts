/** Expositions for laws: families of every type, with awkward labels, help and numbers. */

import fc from "fast-check";
import type { LabelSet } from "../../../lib/metrics/family.ts";
import type { ParsedFamily } from "../../../local/pushgateway/exposition.ts";

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.constantFrom("", "\\", '"', "\n", "a\\n", "# HELP", "le", "é😀\u2028<&>\0"),
);

/** Every double but -0, which the text format has no way to tell. */
const value = fc.oneof(
  fc.double().map((number) => number + 0),
  fc.integer(),
  fc.constantFrom(1e6, 999_999, 1e21, 0.0001, 0.00001, 5e-324, Number.MAX_VALUE),
);
const count = fc.oneof(fc.nat(), fc.constantFrom(2 ** 53, 1e15, 1e6));

const labelName = fc.constantFrom("a", "b", "c_1", "A", "_x", "method", "constructor");
const labels = fc
  .array(fc.tuple(labelName, text), { maxLength: 3 })
  .map((entries): LabelSet => Object.fromEntries(entries));

const histogram = fc
  .record({ labels, bounds: fc.uniqueArray(value), sum: value, counts: fc.array(count) })
  .map(({ bounds, counts, ...rest }) => {
    const finite = bounds.filter((bound) => Number.isFinite(bound));
    const buckets = [...finite, Infinity].map((le, i) => [le, counts[i] ?? 0] as const);
    return { ...rest, buckets, count: counts.at(-1) ?? 0 };
  });
const summary = fc.record({
  labels,
  quantiles: fc.array(
    fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }).map((q) => q + 0),
      value,
    ),
  ),
  sum: value,
  count,
});

const SUFFIXES = /_(bucket|sum|count)$/;
const name = fc
  .stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,5}$/)
  .filter((text) => !SUFFIXES.test(text));

function samplesOf<Sample extends { readonly labels: LabelSet }>(sample: fc.Arbitrary<Sample>) {
  const byLabels = (one: Sample) => JSON.stringify(Object.entries(one.labels).sort(byName));
  return fc.uniqueArray(sample, { selector: byLabels, minLength: 1, maxLength: 4 });
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1;
}

const valueSample = fc.record({ labels, value });
const family: fc.Arbitrary<ParsedFamily> = fc.oneof(
  fc.record({
    name,
    help: text.map((help) => help.trimStart()),
    type: fc.constantFrom("counter", "gauge", "untyped"),
    samples: samplesOf(valueSample),
  }),
  fc.record({
    name,
    help: fc.constant(""),
    type: fc.constant("histogram"),
    samples: samplesOf(histogram),
  }),
  fc.record({
    name,
    help: fc.constant(""),
    type: fc.constant("summary"),
    samples: samplesOf(summary),
  }),
);

/** Families of different names, none of which collides with another's suffixes. */
export const expositions = fc.uniqueArray(family, {
  selector: ({ name }) => name,
  maxLength: 5,
});
