import * as fc from "fast-check";
import { expect, it } from "vitest";
import { decodeIdBlock, encodeIdBlock } from "../../lib/trades/id-block.ts";

const times = fc.bigInt({ min: 10n ** 15n, max: 10n ** 16n - 1n }).map(String);

it("unpacks what was packed, in whatever order ids and times came", () => {
  const entries = fc.uniqueArray(fc.tuple(fc.nat(255), times), { selector: ([place]) => place });
  fc.assert(
    fc.property(entries, (ids) => {
      expect(decodeIdBlock(encodeIdBlock(new Map(ids)))).toEqual(new Map(ids));
    }),
  );
});

it("holds the longest steps there are", () => {
  const block = new Map([
    [0, "9999999999999999"],
    [254, "1000000000000000"],
    [255, "9999999999999999"],
  ]);
  expect(decodeIdBlock(encodeIdBlock(block))).toEqual(block);
});

it("packs 256 trades that follow each other within milliseconds into one write unit", () => {
  const start = 1_610_064_000_278_000;
  const block = new Map(
    Array.from({ length: 256 }, (_, place) => [place, String(start + place * 15_000)] as const),
  );
  expect(encodeIdBlock(block).byteLength).toBeLessThan(1_050);
});
