import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ServiceError } from "../../../lib/errors.ts";
import { parseExposition } from "../../../local/pushgateway/parse-exposition.ts";
import { printExposition } from "../../../local/pushgateway/print-exposition.ts";
import { expositions } from "./arbitrary-exposition.ts";

const HISTOGRAM = "# TYPE h histogram\n";
const SUMMARY = "# TYPE s summary\n";

/** The samples of the one family in a text. */
function samplesOf(text: string) {
  const { families } = parseExposition(text);
  expect(families).toHaveLength(1);
  return families[0]?.samples;
}

describe("parseExposition", () => {
  it("reads an exposition with everything in it", () => {
    // From the format's own page, without its timestamps.
    const text = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027
http_requests_total{method="post",code="400"}    3

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf

# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds{quantile="0.99"} 76656
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
`;
    expect(parseExposition(text)).toEqual({
      hasTimestamps: false,
      families: [
        {
          name: "http_requests_total",
          help: "The total number of HTTP requests.",
          type: "counter",
          samples: [
            { labels: { method: "post", code: "200" }, value: 1027 },
            { labels: { method: "post", code: "400" }, value: 3 },
          ],
        },
        {
          name: "msdos_file_access_time_seconds",
          help: "",
          type: "untyped",
          samples: [
            {
              labels: { path: "C:\\DIR\\FILE.TXT", error: 'Cannot find file:\n"FILE.TXT"' },
              value: 1_458_255_915,
            },
          ],
        },
        {
          name: "metric_without_timestamp_and_labels",
          help: "",
          type: "untyped",
          samples: [{ labels: {}, value: 12.47 }],
        },
        {
          name: "something_weird",
          help: "",
          type: "untyped",
          samples: [{ labels: { problem: "division by zero" }, value: Infinity }],
        },
        {
          name: "http_request_duration_seconds",
          help: "A histogram of the request duration.",
          type: "histogram",
          samples: [
            {
              labels: {},
              buckets: [
                [0.05, 24_054],
                [Infinity, 144_320],
              ],
              sum: 53_423,
              count: 144_320,
            },
          ],
        },
        {
          name: "rpc_duration_seconds",
          help: "",
          type: "summary",
          samples: [
            {
              labels: {},
              quantiles: [
                [0.01, 3102],
                [0.99, 76_656],
              ],
              sum: 17_560_473,
              count: 2693,
            },
          ],
        },
      ],
    });
  });

  it.each([
    ["x 1\n", 1],
    ["x\t1\n", 1],
    [" \tx  \t 1\n", 1],
    ["x{}1\n", 1],
    ["x{} +1\n", 1],
    ["x .5\n", 0.5],
    ["x 5.\n", 5],
    ["x 1E+3\n", 1000],
    ["x -inf\n", -Infinity],
    ["x Infinity\n", Infinity],
    ["x NAN\n", Number.NaN],
    ["x 1e-400\n", 0],
  ])("reads the value of %j", (text, value) => {
    expect(samplesOf(text)).toEqual([{ labels: {}, value }]);
  });

  it.each([
    ['x{a="b"}1\n', { a: "b" }],
    ['x { a = "b" , c="d",} 1\n', { a: "b", c: "d" }],
    ['x{a="}",b="{",c=","} 1\n', { a: "}", b: "{", c: "," }],
    ['x{a="\\\\\\"\\n"} 1\n', { a: '\\"\n' }],
    ['x{le="1",quantile="2"} 1\n', { le: "1", quantile: "2" }],
    ['{"x",a="b"} 1\n', { a: "b" }],
    ['{a="b","x"} 1\n', { a: "b" }],
    ['x{"a"="b"} 1\n', { a: "b" }],
    ['x{__proto__="b"} 1\n', Object.fromEntries([["__proto__", "b"]])],
  ])("reads the labels of %j", (text, labels) => {
    expect(samplesOf(text)).toEqual([{ labels, value: 1 }]);
  });

  it.each([
    [`${HISTOGRAM}h_bucket{le="1"} 2\nh_count 3\n`, { buckets: [[1, 2]], sum: 0, count: 3 }],
    [`${HISTOGRAM}h_sum 2\nh_sum 3\n`, { buckets: [], sum: 3, count: 0 }],
    [`${HISTOGRAM}h 1\n`, { buckets: [], sum: 0, count: 0 }],
    [`${HISTOGRAM}h{le="1"} 2\n`, { buckets: [[1, 2]], sum: 0, count: 0 }],
    [`${HISTOGRAM}h_bucket{le="NaN"} 2\n`, { buckets: [], sum: 0, count: 0 }],
    [`${SUMMARY}s{quantile="0.5"} 2\ns_count 2.9\n`, { quantiles: [[0.5, 2]], sum: 0, count: 2 }],
  ])("puts the lines of %j together", (text, sample) => {
    expect(samplesOf(text)).toEqual([{ labels: {}, ...sample }]);
  });

  it.each([
    ["# HELP x  a b \nx 1\n", "a b "],
    ["# HELP x a\\\\b\\nc\nx 1\n", "a\\b\nc"],
    ["x 1\n#HELP x a\n", "a"],
    ["# HELP x\nx 1\n", ""],
    ["# help x a\nx 1\n", ""],
    ["# HELP y a\nx 1\n", ""],
  ])("reads the help of %j", (text, help) => {
    expect(parseExposition(text).families).toMatchObject([{ name: "x", help }]);
  });

  it("drops families without samples", () => {
    expect(parseExposition("# HELP x a\n# TYPE x counter\n").families).toEqual([]);
  });

  it("joins a family from several places", () => {
    const text = 'x{a="1"} 1\ny 1\nx{a="2"} 2\n';
    expect(parseExposition(text).families.map(({ samples }) => samples.length)).toEqual([2, 1]);
  });

  it.each(["x 1 1700000000000\n", "x 1 -1\n", "x 1\t+1\n"])("sees the timestamp of %j", (text) => {
    expect(parseExposition(text).hasTimestamps).toBe(true);
  });

  it.each(["", "   ", "\n\n", "x 1\n  ", "# a\n\t"])("reads %j, whose end is blank", (text) => {
    expect(() => parseExposition(text)).not.toThrow();
  });

  it("takes any bytes as help and as comment, but not in samples", () => {
    const help = Buffer.from("# HELP x \xff\n# \xfe\nx 1\n", "latin1");
    expect(parseExposition(help).families).toMatchObject([{ help: "�" }]);
    const label = Buffer.from('y 1\nx{a="\xff"} 1\n', "latin1");
    expect(() => parseExposition(label)).toThrow(/line 2: expected UTF-8/);
  });

  it.each([
    ["x 1", "line 1: unexpected end of input stream"],
    ["x 1\n# a", "line 2: unexpected end of input stream"],
    ["x\n", 'line 1: expected float as value, got ""'],
    ["x 1\r\n", 'line 1: expected float as value, got "1\\r"'],
    ["x 0x10\n", "line 1: expected float as value"],
    ["x 1_000\n", "line 1: expected float as value"],
    ["x 1e400\n", "line 1: expected float as value"],
    ["x +NaN\n", "line 1: expected float as value"],
    ["x .\n", "line 1: expected float as value"],
    ["x 1 \n", "line 1: expected an integer as timestamp"],
    ["x 1 1.5\n", "line 1: expected an integer as timestamp"],
    ["x 1 1 1\n", "line 1: expected an integer as timestamp"],
    ['x 1 # {a="b"} 1\n', "line 1: expected an integer as timestamp"],
    ["1x 1\n", "line 1: expected a metric name"],
    ["é 1\n", "line 1: expected a metric name"],
    ["\ufeffx 1\n", "line 1: expected a metric name"],
    ["{} 1\n", "line 1: expected a metric name"],
    ['{"é"} 1\n', "line 1: expected a metric name"],
    ['{"x","y"} 1\n', "line 1: expected '='"],
    ["a-b 1\n", "line 1: expected float as value"],
    ['x{1a="b"} 1\n', "line 1: expected '='"],
    ['x{a-b="c"} 1\n', "line 1: expected '='"],
    ['x{__name__="b"} 1\n', "line 1: expected a label name"],
    ['x{"é"="b"} 1\n', "line 1: expected a label name"],
    ['x{a="1",a="2"} 1\n', "line 1: duplicate label names"],
    ['x{a="b",,} 1\n', "line 1: expected '='"],
    ['x{,a="b"} 1\n', "line 1: expected '='"],
    ['x{a="b"c="d"} 1\n', "line 1: expected ',' or '}'"],
    ['x{a="b" 1\n', "line 1: expected ',' or '}'"],
    ["x{a=b} 1\n", "line 1: expected"],
    ["x{a} 1\n", "line 1: expected '='"],
    ['x{a="b\n', "line 1: expected a closing quote"],
    ['x{a="b\\"} 1\n', "line 1: expected a closing quote"],
    ['x{a="\\q"} 1\n', "line 1: expected an escape"],
    ["# HELP x a\\q\nx 1\n", "line 1: expected an escape"],
    ["# HELP x a\\\nx 1\n", "line 1: expected an escape"],
    ["# HELP x a\n# HELP x a\nx 1\n", "line 2: second HELP line"],
    ["# HELP 1x a\nx 1\n", "line 1: expected a metric name"],
    ["# TYPE a-b counter\n", "line 1: expected a metric name"],
    ["# TYPE x foo\nx 1\n", "line 1: expected a metric type"],
    ["# TYPE x counter \nx 1\n", "line 1: expected a metric type"],
    ["# TYPE x unknown\nx 1\n", "line 1: expected a metric type"],
    ["x 1\n# TYPE x counter\n", "line 2: TYPE after samples"],
    ["# TYPE x counter\n# TYPE x counter\n", "line 2: TYPE after samples or another"],
    [`${HISTOGRAM}h_bucket{le="x"} 1\n`, "line 2: expected a float as value of le"],
    [`${HISTOGRAM}h_bucket{le="1"} -1\n`, "line 2: negative count"],
    [`${HISTOGRAM}h_count -1\n`, "line 2: negative count"],
    [`${SUMMARY}s_count -1\n`, "line 2: negative count"],
    [`${SUMMARY}s_count NaN\n`, "line 2: infinite count"],
  ])("refuses %j", (text, what) => {
    const refusal = { code: "INVALID_METRIC", detail: expect.stringContaining(what) };
    expect(() => parseExposition(text)).toThrow(expect.objectContaining(refusal));
  });

  it("reads back what is printed", () => {
    fc.assert(
      fc.property(expositions, (families) => {
        const parsed = parseExposition(printExposition(families));
        expect(parsed).toEqual({ families, hasTimestamps: false });
      }),
      { numRuns: 500 },
    );
  });

  it("reads a label value of a million escapes", () => {
    const samples = samplesOf(`x{a="${'\\"'.repeat(1_000_000)}"} 1\n`);
    expect(samples?.[0]?.labels["a"]).toBe('"'.repeat(1_000_000));
  });

  it("never does anything but read or refuse", () => {
    const piece = fc.oneof(
      fc.constantFrom("x", "x_bucket", "{", "}", '"', "\\", ",", "=", " ", "\n", "#", "\t"),
      fc.constantFrom("# HELP x ", "# TYPE x histogram\n", 'le="1"', "NaN", "1", "-", "e9"),
      fc.string({ unit: "binary", maxLength: 4 }),
    );
    const anything = fc.oneof(
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join("")),
      fc.tuple(expositions, fc.nat(), piece).map(([families, at, inserted]) => {
        const text = printExposition(families);
        const i = at % (text.length + 1);
        return text.slice(0, i) + inserted + text.slice(i + (at % 3));
      }),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        (body) => {
          try {
            parseExposition(body);
          } catch (error) {
            expect(error).toBeInstanceOf(ServiceError);
            expect(error).toMatchObject({ code: "INVALID_METRIC" });
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
