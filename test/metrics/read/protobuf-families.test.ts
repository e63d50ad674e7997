import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Group } from "../../../lib/metrics/family.ts";
import { createPageGroups } from "../../../lib/metrics/read/page-groups.ts";
import { readFamilies } from "../../../lib/metrics/read/protobuf-families.ts";
import { protobufGroups } from "../../../lib/metrics/read/read-groups-protobuf.ts";
import { printProtobuf } from "../../../local/pushgateway/print-protobuf.ts";
import { inChunks } from "../../support/fuzz.ts";
import { PAGE_FAMILIES, PAGE_JOB as JOB } from "../../support/pushgateway-page.ts";

const PAGE = printProtobuf(PAGE_FAMILIES);

const readPage = (bytes: Buffer, sizes: readonly number[] = []): Promise<Group[]> =>
  Array.fromAsync(protobufGroups.parse(inChunks(bytes, sizes), JOB));

/** One family with these bytes behind its name and type. */
function familyOf(...fields: readonly number[]): Buffer {
  const body = [0x0a, 1, 0x61, 0x18, 0, ...fields];
  return Buffer.from([body.length, ...body]);
}

describe("readFamilies", () => {
  it("gives the same wherever the page is cut into chunks", async () => {
    const whole = await readPage(PAGE);
    expect(whole.map(({ families }) => families.map(({ name }) => name))).toEqual([
      ["a_total", "h"],
      ["a_total", "h"],
    ]);
    const sizes = fc.array(fc.nat({ max: 30 }), { maxLength: 60 });
    const property = fc.asyncProperty(sizes, async (cuts) => {
      expect(await readPage(PAGE, cuts)).toEqual(whole);
    });
    await fc.assert(property, { numRuns: 500 });
    expect(
      await readPage(
        PAGE,
        Array.from(PAGE, () => 1),
      ),
    ).toEqual(whole);
  });

  it("fails wherever it is cut off within a family", async () => {
    for (let length = 1; length < PAGE.length; length += 1) {
      const outcome = await readPage(PAGE.subarray(0, length)).catch(String);
      // Between families only the connection tells.
      const isBetween = Array.isArray(outcome) || outcome.includes("no push_time_seconds");
      if (!isBetween) expect(outcome).toBe("Error: the page ends in the middle");
    }
  });

  it("passes over what it does not know", async () => {
    const unknown = [0x2a, 1, 0x73, 0x30, 0xff, 0x01, 0x39, ...Array(8).fill(0), 0x45, 0, 0, 0, 0];
    const metric = [0x22, unknown.length + 11, ...unknown, 0x1a, 9, 0x09, ...Array(8).fill(0)];
    const seen: string[] = [];
    const visitor = {
      family: ({ name }: { name: string }) => void seen.push(name),
      metric: ({ at, end }: { at: number; end: number }) => void seen.push(String(end - at)),
    };
    await readFamilies(inChunks(familyOf(...unknown, ...metric, ...unknown), []), visitor);
    expect(seen).toEqual(["a", String(unknown.length + 11)]);
  });

  it.each([
    ["a family that is too long", Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]), "a family of"],
    ["a length of no end", Buffer.alloc(11, 0xff), "a number of more than 64 bits"],
    [
      "a length over 64 bits",
      Buffer.from([...Array(9).fill(0xff), 0x02]),
      "a number of more than 64",
    ],
    ["a field past its family", familyOf(0x22, 9, 1), "a field that reaches past its family"],
    [
      "a field that is too long",
      Buffer.from([0x80, 0x80, 0x80, 0x08, 0x0a, 0x80, 0x80, 0x40]),
      "a field of",
    ],
    ["a wire type that is none", familyOf(0x23), "a field of wire type 3"],
    ["metrics before the name", Buffer.from([2, 0x22, 0]), "a family without a name"],
    ["a name behind the metrics", familyOf(0x22, 0, 0x0a, 1, 0x62), "no head of its own"],
  ])("fails on %s", async (_, bytes, message) => {
    await expect(readPage(bytes)).rejects.toThrow(message);
  });

  it.each([
    ["a metric without a value", [], "a metric without a counter"],
    ["a value cut short", [0x1a, 3, 0x09, 0, 0], "a message ends within a field"],
    ["a value that reaches past its metric", [0x1a, 9, 0x09], "a message ends within a field"],
  ])("fails on %s", async (_, value, message) => {
    const text = (tag: number, of: string) => [tag, of.length, ...Buffer.from(of)];
    const pair = (name: string, of: string) => {
      const body = [...text(0x0a, name), ...text(0x12, of)];
      return [0x0a, body.length, ...body];
    };
    const metric = [...pair("instance", "i"), ...pair("job", JOB), ...value];
    await expect(readPage(familyOf(0x22, metric.length, ...metric))).rejects.toThrow(message);
  });

  it.each([
    ["empty", []],
    ["without a name", [0x12, 1, 0x61]],
    ["without a value", [0x0a, 1, 0x61]],
    ["in the wrong order", [0x12, 0, 0x0a, 1, 0x61]],
    ["with more", [0x0a, 1, 0x61, 0x12, 0, 0x1a, 0]],
  ])("fails on a label that is %s", async (_, pair) => {
    const metric = [0x0a, pair.length, ...pair];
    await expect(readPage(familyOf(0x22, metric.length, ...metric))).rejects.toThrow(
      "a label that is",
    );
  });

  it("holds no page that is too large", async () => {
    const page = createPageGroups(JOB);
    const samples = Array.from({ length: 2_000 }, (_, i) => ({
      labels: { a: `${i}${"x".repeat(60_000)}`, instance: "i", job: JOB },
      value: 1,
    }));
    async function* chunks() {
      for (let i = 0; i < samples.length; i += 10) {
        yield printProtobuf([
          { name: `c${i}`, help: "", type: "counter", samples: samples.slice(i, i + 10) },
        ]);
      }
    }
    await expect(readFamilies(chunks(), page)).rejects.toThrow("bytes to hold");
  });
});
