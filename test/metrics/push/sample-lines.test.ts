import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatHeader,
  formatHistogramSeries,
  formatSeries,
  formatValue,
} from "../../../lib/metrics/push/sample-lines.ts";
import { readExposition } from "../../support/exposition.ts";
import { checkMetrics, isPromtoolMissing } from "../../support/promtool.ts";

describe("formatValue", () => {
  it.each([
    [0, "0"],
    [-0, "0"],
    [1, "1"],
    [0.1, "0.1"],
    [1e21, "1e+21"],
    [5e-324, "5e-324"],
    [2 ** 53, "9007199254740992"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
    [NaN, "NaN"],
  ])("%d is %s", (value, text) => {
    expect(formatValue(value)).toBe(text);
  });

  it("comes back as the same double", () => {
    const law = fc.property(fc.double({ noNaN: true }), (value) => {
      const [family] = readExposition(`# TYPE x gauge\nx ${formatValue(value)}\n`);
      expect(family?.samples).toEqual([{ labels: {}, value: value === 0 ? 0 : value }]);
    });
    fc.assert(law);
  });
});

describe("formatSeries", () => {
  it.each([
    [{}, "x"],
    [{ a: "1" }, 'x{a="1"}'],
    [{ b: "2", a: "1" }, 'x{b="2",a="1"}'],
    [{ a: "" }, 'x{a=""}'],
    [{ a: 'say "hi"' }, 'x{a="say \\"hi\\""}'],
    [{ a: "C:\\n" }, 'x{a="C:\\\\n"}'],
    [{ a: "1\n2" }, 'x{a="1\\n2"}'],
    [{ a: '\\\n"' }, 'x{a="\\\\\\n\\""}'],
    [{ a: "{},= é😀\t\r\u0000" }, 'x{a="{},= é😀\t\r\u0000"}'],
  ])("%o is %s", (labels, text) => {
    expect(formatSeries("x", labels)).toBe(text);
  });

  it("comes back as the same labels, whatever is in them", () => {
    const labels = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ unit: "binary" }));
    const law = fc.property(labels, (labels) => {
      const [family] = readExposition(`# TYPE x gauge\n${formatSeries("x", labels)} 1\n`);
      expect(family?.samples[0]?.labels).toEqual({ ...labels });
    });
    fc.assert(law);
  });
});

describe("formatHistogramSeries", () => {
  it("names buckets in order, +Inf, sum and count, with le behind the labels", () => {
    expect(formatHistogramSeries("x", { a: "1" }, [0.5, 1e21])).toEqual([
      'x_bucket{a="1",le="0.5"}',
      'x_bucket{a="1",le="1e+21"}',
      'x_bucket{a="1",le="+Inf"}',
      'x_sum{a="1"}',
      'x_count{a="1"}',
    ]);
  });

  it("names them without labels too", () => {
    expect(formatHistogramSeries("x", {}, [])).toEqual(['x_bucket{le="+Inf"}', "x_sum", "x_count"]);
  });
});

describe("formatHeader", () => {
  it("escapes what would end the line, and leaves quotes alone", () => {
    expect(formatHeader("x", "gauge", 'a\\b\n"c"')).toBe('# HELP x a\\\\b\\n"c"\n# TYPE x gauge\n');
  });

  it("comes back as the same help", () => {
    const help = fc.string({ unit: "binary" }).filter((text) => /^[^ \t]/.test(text));
    const law = fc.property(help, (help) => {
      expect(readExposition(`${formatHeader("x", "gauge", help)}x 1\n`)[0]?.help).toBe(help);
    });
    fc.assert(law);
  });
});

it.skipIf(isPromtoolMissing)("promtool reads lines with everything that must be escaped", () => {
  const labels = { a: '\\\n"{},= é😀\t', b: "" };
  const lines = formatHistogramSeries("x_seconds", labels, [0.5, 1]);
  const text = formatHeader("x_seconds", "histogram", 'a\\b\n"c"');
  expect(checkMetrics(`${text}${lines.map((line) => `${line} 1\n`).join("")}`)).toEqual({
    errors: [],
    lints: [],
  });
});
