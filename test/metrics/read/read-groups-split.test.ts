import fc from "fast-check";
import { expect, it } from "vitest";
import { splitGroups } from "../../../lib/metrics/read/read-groups-split.ts";

async function* inChunks(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

const groups = fc.array(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()));
const sizes = fc.array(fc.nat({ max: 20 }));

it("gives the same groups wherever the answer is cut into chunks", async () => {
  const property = fc.asyncProperty(groups, sizes, fc.boolean(), async (data, cuts, isPretty) => {
    const text = JSON.stringify({ status: "success", data }, undefined, isPretty ? 1 : 0);
    const split = await Array.fromAsync(splitGroups(inChunks(Buffer.from(text), cuts)));
    expect(split.map((group) => JSON.parse(group) as unknown)).toEqual(
      JSON.parse(JSON.stringify(data)),
    );
  });
  await fc.assert(property, { numRuns: 500 });
});

it("fails wherever the answer is cut off", async () => {
  const whole = Buffer.from('{"status":"success","data":[{"a":"}]"},{"b":["\\\\"]}]}');
  for (let length = 0; length < whole.length; length += 1) {
    const part = inChunks(whole.subarray(0, length), []);
    await expect(Array.fromAsync(splitGroups(part))).rejects.toThrow(
      /ends in the middle|an answer that begins/,
    );
  }
});
