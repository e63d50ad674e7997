import { assert, describe, expect, it } from "vitest";
import { ServiceError } from "../../lib/errors.ts";
import type { ParsedFamily } from "../../local/pushgateway/exposition.ts";
import { parseExposition } from "../../local/pushgateway/parse-exposition.ts";
import { printExposition } from "../../local/pushgateway/print-exposition.ts";
import { expositions } from "../local/pushgateway/arbitrary-exposition.ts";
import { corpusOf, fuzz, FUZZ_TIMEOUT_MS, FUZZED, mutated } from "../support/fuzz.ts";

const PIECES = [
  ["x", "x_bucket", "x_sum", "x_count", "{", "}", '"', "\\", ",", "=", " ", "\t", "\n", "#"],
  "# HELP x |# TYPE x histogram\n|# TYPE x summary\n|# TYPE x counter\n|x 1\n".split("|"),
  ['x{le="1"} 1\n', 'x{quantile="0.5"} 2\n', 'le="+Inf"', "NaN", "+Inf", "1", "-", "e9", "."],
  ["1700000000000", "\u0000", "\r\n", "ÿ", "\\n", '\\"', "__name__", "{}", '{"x"} 1\n'],
].flat();
const valid = corpusOf(expositions)
  .map((families) => Buffer.from(printExposition(families)))
  .filter(({ length }) => length < 1_000);

describe("a text exposition", () => {
  it(
    `of any bytes is read, no larger than it was, or refused by the number of a line (${FUZZED})`,
    async () => {
      await fuzz({ inputs: mutated(valid, PIECES), isRead });
    },
    FUZZ_TIMEOUT_MS,
  );

  // Some seconds at most in linear time, hours in quadratic time.
  it.each(PIECES.map((piece) => [piece]))(
    "of a megabyte of %j is read or refused",
    (piece) => {
      for (const head of ["", "# HELP x ", 'x{a="']) {
        const parsed = parseOrRefusal(Buffer.from(head + piece.repeat(1_000_000 / piece.length)));
        expect(parsed instanceof ServiceError ? parsed.code : "read").toMatch(
          /^(?:INVALID_METRIC|read)$/,
        );
      }
    },
    FUZZ_TIMEOUT_MS,
  );
});

function isRead(body: Buffer): boolean {
  const parsed = parseOrRefusal(body);
  const lines = body.toString("latin1").split("\n").length;
  if (parsed instanceof ServiceError) {
    const { code, detail } = parsed;
    assert.equal(code, "INVALID_METRIC");
    const [, line] = /^text format parsing error in line (\d+): \S/.exec(detail) ?? [];
    assert(Number(line) >= 1 && Number(line) <= lines, detail);
    assert(detail.length < 200 + 6 * body.length, detail);
    return false;
  }
  const { points, characters } = sizeOf(parsed);
  assert(points < lines && characters <= body.length);
  const text = printExposition(parsed);
  assert.equal(printExposition(parseExposition(text).families), text);
  return true;
}

/** How much a page holds: points and characters. */
function sizeOf(families: readonly ParsedFamily[]): { points: number; characters: number } {
  let [points, characters] = [0, 0];
  for (const { name, help, samples } of families) {
    characters += name.length + help.length;
    for (const sample of samples) {
      if ("buckets" in sample) points += sample.buckets.length;
      else if ("quantiles" in sample) points += sample.quantiles.length;
      else points += 1;
      for (const [label, value] of Object.entries(sample.labels))
        characters += label.length + value.length;
    }
  }
  return { points, characters };
}

function parseOrRefusal(body: Buffer): readonly ParsedFamily[] | ServiceError {
  try {
    return parseExposition(body).families;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}
