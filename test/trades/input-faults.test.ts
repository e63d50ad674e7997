import * as v from "valibot";
import { expect, it } from "vitest";
import { checkObject, pointerTo } from "../../lib/trades/input-faults.ts";

const Schema = v.strictObject({
  name: v.string("expected text"),
  size: v.optional(v.number("expected a number"), 1),
  tags: v.optional(v.array(v.string("expected text"), "expected a list"), []),
});

it("gives back what is right, with what has a default", () => {
  expect(checkObject(Schema, { name: "a" })).toEqual({
    output: { name: "a", size: 1, tags: [] },
    faults: [],
  });
});

it.each([
  [{}, [["/name", "required, but missing"]]],
  [{ name: 1 }, [["/name", "expected text"]]],
  [{ name: "a", colour: "red" }, [["/colour", "unknown; known are name, size, tags"]]],
  [
    { size: "x", tags: ["a", 1], "a/b": 1, "~": 2 },
    [
      ["/a~1b", "unknown; known are name, size, tags"],
      ["/~0", "unknown; known are name, size, tags"],
      ["/name", "required, but missing"],
      ["/size", "expected a number"],
      ["/tags/1", "expected text"],
    ],
  ],
  [
    JSON.parse('{"name":"a","__proto__":{"x":1}}') as object,
    [["/__proto__", "unknown; known are name, size, tags"]],
  ],
])("names everything that is wrong with %j", (input, expected) => {
  const { output, faults } = checkObject(Schema, input);
  expect(output).toBeUndefined();
  const found = faults.map(({ pointer, detail }) => [pointer, detail]);
  expect(found).toHaveLength(expected.length);
  expect(found).toEqual(expect.arrayContaining(expected));
});

it.each([
  [["a"], "/a"],
  [["a", "0", "b"], "/a/0/b"],
  [["a/b", "m~n"], "/a~1b/m~0n"],
  [[], ""],
])("points through %j with %j", (names, pointer) => {
  expect(pointerTo(...names)).toBe(pointer);
});
