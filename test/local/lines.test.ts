import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_LINE_LENGTH, readLines, type Line, type Position } from "../../local/lines.ts";

async function* pieces(buffers: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* buffers;
}

async function linesOf(buffers: readonly Buffer[], from?: Position): Promise<Line[]> {
  return (await Array.fromAsync(readLines(pieces(buffers), from))).flat();
}

const content = fc.string({
  unit: fc.constantFrom("a", "1", ",", "\n", "\n", "\r\n", "é"),
  maxLength: 60,
});

describe("readLines", () => {
  it.each([
    ["ends with a line end", "one\ntwo\n", ["one", "two"]],
    ["ends without one", "one\ntwo", ["one", "two"]],
    ["comes from Windows", "one\r\ntwo\r\n", ["one", "two"]],
    ["has empty lines", "one\n\ntwo", ["one", "", "two"]],
    ["is empty", "", []],
  ])("a file that %s", async (_fact, text, expected) => {
    expect((await linesOf([Buffer.from(text)])).map((line) => line.text)).toEqual(expected);
  });

  it("gives the same lines however the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.array(fc.nat(80)), async (text, cuts) => {
        const bytes = Buffer.from(text);
        const ends = [...cuts, bytes.length]
          .map((cut) => Math.min(cut, bytes.length))
          .sort((a, b) => a - b);
        const cut = ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
        expect(await linesOf(cut)).toEqual(await linesOf([bytes]));
      }),
    );
  });

  it("goes on from the end of any line with the lines after it", async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.nat(), async (text, pick) => {
        const bytes = Buffer.from(text);
        const lines = await linesOf([bytes]);
        const at = lines.length === 0 ? 0 : pick % lines.length;
        const end = lines[at]?.end ?? { bytes: 0, lines: 0 };
        expect(await linesOf([bytes.subarray(end.bytes)], end)).toEqual(lines.slice(at + 1));
        expect(lines.at(-1)?.end.bytes ?? 0).toBe(bytes.length);
      }),
    );
  });

  it("keeps no more of a line without end than a reader needs to refuse it", async () => {
    const endless = Array.from({ length: 100 }, () => Buffer.alloc(100_000, "1"));
    const lines = await linesOf([...endless, Buffer.from("\nnext\n")]);
    expect(lines.map((line) => line.text.length)).toEqual([MAX_LINE_LENGTH + 1, 4]);
    expect(lines.map((line) => line.end.bytes)).toEqual([10_000_001, 10_000_006]);
  });

  it("takes a line of the greatest length whole", async () => {
    const longest = "1".repeat(MAX_LINE_LENGTH);
    const lines = await linesOf([Buffer.from(`${longest}\r`), Buffer.from("\n")]);
    expect(lines[0]?.text).toBe(longest);
  });
});
