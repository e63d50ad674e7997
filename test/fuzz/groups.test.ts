/** What a Pushgateway tells of its groups, in both forms: a scrape reads it whole, or not at all. */

import fc from "fast-check";
import { assert, describe, it } from "vitest";
import type { Group } from "../../lib/metrics/family.ts";
import { jsonGroups } from "../../lib/metrics/read/read-groups-json.ts";
import { protobufGroups } from "../../lib/metrics/read/read-groups-protobuf.ts";
import type { GroupFormat } from "../../lib/metrics/read/read-groups.ts";
import { printProtobuf } from "../../local/pushgateway/print-protobuf.ts";
import { fuzz, FUZZ_TIMEOUT_MS, FUZZED, inChunks, mutated } from "../support/fuzz.ts";
import { PAGE_FAMILIES, PAGE_JOB } from "../support/pushgateway-page.ts";

const value = (name: string, text: string, labels = {}) => ({
  [name]: {
    type: name.endsWith("_total") ? "COUNTER" : "GAUGE",
    help: "Help.",
    metrics: [{ labels: { instance: "i", job: PAGE_JOB, ...labels }, value: text }],
  },
});
const histogram = (buckets: object) => ({
  h: {
    type: "HISTOGRAM",
    help: "",
    metrics: [{ labels: { job: PAGE_JOB }, buckets, sum: "3", count: "300" }],
  },
});
const group = (instance: string, ...families: readonly object[]) => ({
  labels: { instance, job: PAGE_JOB },
  last_push_successful: true,
  ...Object.assign({}, value("push_time_seconds", "1.58e+09"), ...families),
});
/** `/api/v1/metrics`, as a Pushgateway answers. */
const ANSWERS = [
  [group("i", value("a_total", "2.5", { b: "é" }), histogram({ "0.5": "1", "+Inf": "300" }))],
  [
    group("i", value("a_total", "NaN")),
    group("k", histogram({ "0.5": "1" }), { s: { type: "SUMMARY", metrics: [] } }),
  ],
  [{ ...group("i"), labels: { job: "other" } }],
  [],
].map((data) => Buffer.from(JSON.stringify({ status: "success", data })));
const PAGES = [
  printProtobuf(PAGE_FAMILIES),
  ...PAGE_FAMILIES.map((_, i) => printProtobuf(PAGE_FAMILIES.toSpliced(i, 1))),
];

const JSON_PIECES = [
  ["{", "}", "[", "]", ",", ":", '"', "\\", '"labels":', '"metrics":', '"type":', '"job":"j"'],
  ['"value":', "null", "1", '"+Inf"', '""', "{}", "[]", '"HISTOGRAM"', '"__proto__":', "ÿ"],
  ['{"labels":{"job":"j"}}', "[".repeat(300), "\u0000", "true", '"buckets":', "\\u0000"],
].flat();
const PROTOBUF_PIECES = [
  ["\u0000", "\u0001", "\u0009", "\n", "\u0011", "\u0012", "\u001a", '"', ":", "ÿ", "\u0080"],
  ["ÿÿÿÿ\u007f", "\u00ff".repeat(9) + "\u0002", "\u0003job", "\u0008instance", "\u0001j"],
  ["\u0005\n\u0001a\u0018\u0000", "\u0000".repeat(8), '"\u0000', "#", "J\u0000"],
].flat();

describe.each<{ form: string; format: GroupFormat; bytes: fc.Arbitrary<Buffer> }>([
  { form: "JSON", format: jsonGroups, bytes: mutated(ANSWERS, JSON_PIECES) },
  { form: "protobuf", format: protobufGroups, bytes: mutated(PAGES, PROTOBUF_PIECES) },
])("groups in $form", ({ format, bytes }) => {
  const inputs = fc.record({ bytes, sizes: fc.array(fc.nat({ max: 200 }), { maxLength: 3 }) });
  const isRead = async ({ bytes: body, sizes }: { bytes: Buffer; sizes: number[] }) => {
    let groups: readonly Group[];
    try {
      groups = await Array.fromAsync(format.parse(inChunks(body, sizes), PAGE_JOB));
    } catch (error) {
      if (isPlanned(error)) return false;
      throw error;
    }
    assert(groups.every(({ key }) => key["job"] === PAGE_JOB));
    const points = groups.reduce((all, one) => all + pointsOf(one), 0);
    assert(points <= body.length, `${points} points of ${body.length} bytes`);
    return true;
  };

  it(
    `of any bytes, however they are cut, are read, no larger than they were, or refused (${FUZZED})`,
    async () => {
      await fuzz({ inputs, isRead });
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** What the parsers throw, and JSON.parse; a TypeError or RangeError is a fault of ours. */
function isPlanned(error: unknown): boolean {
  const isReason = error instanceof Error && error.message !== "" && error.message.length < 1_000;
  return isReason && (error.constructor === Error || error instanceof SyntaxError);
}

/** Values a group holds; each takes a byte of the answer at least. */
function pointsOf({ families }: Group): number {
  const points = families.flatMap(({ samples }) =>
    samples.map((sample) => ("buckets" in sample ? sample.buckets.length - 1 : 1)),
  );
  return points.reduce((all, one) => all + one, families.length);
}
