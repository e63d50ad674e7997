/**
 * Fuzzing of a parser: so many inputs, the same each time, of which it reads some and refuses others.
 */

import fc from "fast-check";
import { assert } from "vitest";

/** Any other finds other inputs: `FUZZ_SEED=$RANDOM npx vitest run test/fuzz`. */
const SEED = Number(process.env["FUZZ_SEED"] ?? 20_261_124);
/** Inputs of each parser. */
const RUNS = Number(
  process.env["FUZZ_RUNS"] ?? (process.env["CI"] === undefined ? 5_000 : 100_000),
);
/** For a test's title: what repeats it. */
export const FUZZED = `${RUNS} inputs of seed ${SEED}`;
/** 100,000 take some ten seconds; whatever takes so long hangs. */
export const FUZZ_TIMEOUT_MS = 600_000;
/** Reading and refusing must each be tried by so many of a hundred inputs. */
const MIN_PERCENT = 5;

export interface Fuzzed<Input> {
  readonly inputs: fc.Arbitrary<Input>;
  /**
   * Parses an input and checks what comes of it.
   * @returns whether it was read; false: it was refused as documented. Throws at anything else.
   */
  readonly isRead: (input: Input) => boolean | Promise<boolean>;
}

/** Gives a parser all inputs, and sees to it that reading and refusing were both tried well. */
export async function fuzz<Input>({ inputs, isRead }: Fuzzed<Input>): Promise<void> {
  const outcomes = { read: 0, refused: 0 };
  const property = fc.asyncProperty(inputs, async (input) => {
    outcomes[(await isRead(input)) ? "read" : "refused"] += 1;
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  const least = Math.min(outcomes.read, outcomes.refused);
  assert(least > (RUNS * MIN_PERCENT) / 100, JSON.stringify(outcomes));
}

/** Some values of an arbitrary, always the same: making them anew for each input takes too long. */
export function corpusOf<T>(arbitrary: fc.Arbitrary<T>, size = 200): T[] {
  return fc.sample(arbitrary, { numRuns: size, seed: 1 });
}

/**
 * Bytes: valid ones with one to four faults (a part cut out, doubled, put elsewhere or overwritten, a
 * bit flipped, the end cut off), and some of no meaning.
 * @param pieces what means something to the parser, to be put anywhere.
 */
export function mutated(valid: readonly Buffer[], pieces: readonly string[]): fc.Arbitrary<Buffer> {
  const piece = fc.constantFrom(...pieces.map((text) => Buffer.from(text, "latin1")));
  const edit = fc.tuple(fc.nat(MAX_KIND), fc.nat(), fc.nat(), piece);
  const edited = fc
    .tuple(fc.constantFrom(...valid), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([bytes, edits]) => edits.reduce(applyEdit, bytes));
  const soup = fc.array(piece, { maxLength: 30 }).map((parts) => Buffer.concat(parts));
  const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof(
    { arbitrary: edited, weight: 12 },
    { arbitrary: fc.constantFrom(...valid), weight: 1 },
    { arbitrary: soup, weight: 2 },
    { arbitrary: noise, weight: 1 },
  );
}

/** A stream of these bytes, cut after so many and so many of them. */
export async function* inChunks(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

type Edit = readonly [kind: number, at: number, span: number, piece: Buffer];

const MAX_KIND = 5;
const MAX_SPAN = 24;

function applyEdit(bytes: Buffer, [kind, at, span, piece]: Edit): Buffer {
  const start = at % (bytes.length + 1);
  const end = Math.min(bytes.length, start + (span % MAX_SPAN));
  const [before, part, rest] = [
    bytes.subarray(0, start),
    bytes.subarray(start, end),
    bytes.subarray(end),
  ];
  if (kind === 0) return before;
  if (kind === 1) return Buffer.concat([before, rest]);
  if (kind === 2) return Buffer.concat([before, part, part, rest]);
  if (kind === 3) return flipBit(bytes, start, span % 8);
  if (kind === 4) return Buffer.concat([before, piece, bytes.subarray(start)]);
  return Buffer.concat([before, piece, rest]);
}

function flipBit(bytes: Buffer, at: number, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
  return flipped;
}
