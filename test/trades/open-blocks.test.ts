import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeBlocks, fromOpenBlocks, toOpenBlocks } from "../../lib/trades/open-blocks.ts";

const TIME = "1610064000278000";
const blockOf = (size: number, time = TIME) =>
  new Map(Array.from({ length: size }, (_, place) => [place, time]));
const blocksOf = (sizes: Readonly<Record<string, number>>) =>
  new Map(Object.entries(sizes).map(([pk, size]) => [pk, blockOf(size)]));
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`I#${at}`, 1]));
const blocks = fc
  .dictionary(fc.constantFrom("a", "b", "c", "d"), fc.constantFrom(1, 255, 256))
  .map(blocksOf);

describe("the blocks that are open after a commit", () => {
  it.each([
    ["is the one it added to", {}, { a: 3 }, ["a"], []],
    ["is not one it passed by", { a: 3 }, { b: 1 }, ["b"], ["a"]],
    ["is not one that is full", { a: 255 }, { a: 256, b: 1 }, ["b"], ["a"]],
    ["are up to eight", {}, many(8), Object.keys(many(8)), []],
    ["are the last of more", {}, many(10), Object.keys(many(10)).slice(2), ["I#0", "I#1"]],
  ])("%s", (_fact, before, changed, open, closed) => {
    const divided = closeBlocks(blocksOf(before), blocksOf(changed));
    expect([...divided.open.keys()]).toEqual(open);
    expect([...divided.closed.keys()]).toEqual(closed);
  });

  it("and those it writes are all there were, as they are now", () => {
    fc.assert(
      fc.property(blocks, blocks, (before, changed) => {
        const { open, closed } = closeBlocks(before, changed);
        expect(new Map([...closed, ...open])).toEqual(new Map([...before, ...changed]));
        expect([...open.keys()].filter((pk) => closed.has(pk))).toEqual([]);
      }),
    );
  });

  it("come back from the head as they were", () => {
    fc.assert(
      fc.property(blocks, (open) => {
        expect(fromOpenBlocks(toOpenBlocks(open))).toEqual(open);
      }),
    );
    expect(fromOpenBlocks(undefined)).toEqual(new Map());
  });

  it("take 22 KB at most", () => {
    const jumping = new Map(
      Array.from({ length: 255 }, (_, place) => [
        place,
        place % 2 === 0 ? "1000000000000000" : "9999999999999999",
      ]),
    );
    const name = `I#${"E".repeat(32)}#${"S".repeat(32)}#`;
    const worst = new Map(Array.from({ length: 8 }, (_, at) => [`${name}${at}`, jumping]));
    const sizes = Object.entries(toOpenBlocks(worst).M ?? {}).map(
      ([key, { B }]) => key.length + (B?.length ?? 0),
    );
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(22_000);
  });
});
