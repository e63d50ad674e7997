import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LabelSet } from "../../../lib/metrics/family.ts";
import { groupPath } from "../../../lib/metrics/push/grouping-key.ts";
import { parseGroupUrl } from "../../../local/pushgateway/group-url.ts";

const labelName = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/).filter((name) => {
  return !name.startsWith("__") && name !== "job";
});
/** Any well-formed text, and often what can't stand in a path. */
const labelValue = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", ".", "..", "/", "a/b", "//", "%2F", "a+b c", "é😀\0\n", "@base64", "=", "?#"),
);
const groupingKey = fc
  .record({
    job: labelValue.filter((job) => job !== ""),
    others: fc.array(fc.tuple(labelName, labelValue)),
  })
  .map(({ job, others }): LabelSet => ({ ...Object.fromEntries(others), job }));

describe("the path of a group", () => {
  it.each([
    [{ job: "trades" }, "/metrics/job/trades"],
    [{ job: "a b&c" }, "/metrics/job/a%20b%26c"],
    [{ job: "a/b" }, "/metrics/job@base64/YS9i"],
    [{ b: "1", job: "j", a: "2" }, "/metrics/job/j/b/1/a/2"],
    [{ job: "j", path: "/var/tmp" }, "/metrics/job/j/path@base64/L3Zhci90bXA"],
    [{ job: "j", instance: "" }, "/metrics/job/j/instance@base64/="],
    [{ job: "..", dots: "." }, "/metrics/job@base64/Li4/dots@base64/Lg"],
    [{ job: "j", x: "a+b@c:d" }, "/metrics/job/j/x/a%2Bb%40c%3Ad"],
    [
      { job: "j", title: "Προμηθεύς/🔥" },
      "/metrics/job/j/title@base64/zqDPgc6_zrzOt864zrXPjc-CL_CflKU",
    ],
  ])("of %j is %s", (key, path) => {
    expect(groupPath(key)).toBe(path);
  });

  it.each<[string, LabelSet]>([
    ["without job", { instance: "a" }],
    ["with an empty job", { job: "" }],
    ["with a label name that is none", { job: "j", "a-b": "c" }],
    ["with an empty label name", { job: "j", "": "c" }],
    ["with a reserved label name", { job: "j", __name__: "c" }],
    ["with half a character in a value", { job: "j", a: "\ud800" }],
    ["with half a character in job", { job: "\udc00" }],
  ])("is refused for a key %s", (_, key) => {
    expect(() => groupPath(key)).toThrow(expect.objectContaining({ code: "INVALID_METRIC" }));
  });

  it("decodes to the key it was made of", () => {
    fc.assert(
      fc.property(groupingKey, (key) => {
        expect(parseGroupUrl(groupPath(key))).toEqual({ key });
      }),
      { numRuns: 1_000 },
    );
  });

  it("survives what routers do to a path: cleaning, and splitting after decoding", () => {
    fc.assert(
      fc.property(groupingKey, (key) => {
        const path = groupPath(key);
        const segments = path.slice(1).split("/").map(decodeURIComponent);
        expect(segments).toHaveLength(1 + 2 * Object.keys(key).length);
        expect(segments.every((segment) => !["", ".", ".."].includes(segment))).toBe(true);
        expect(segments.every((segment) => !segment.includes("/"))).toBe(true);
        expect(new URL(path, "http://host").pathname).toBe(path);
      }),
      { numRuns: 1_000 },
    );
  });
});
