/**
 * What a run of all tests comes to once the files that failed in it have run again, each alone.
 */

import type { FileOutcome, Outcomes } from "./outcomes.ts";

export interface Verdict {
  /** For people; the last one sums it up. */
  readonly lines: readonly string[];
  readonly isPassed: boolean;
}

/** In place of a test's name. */
const OUTSIDE = "outside of its tests";

/** The files that get a second run. One with a test that is skipped, and no other fault, gets none. */
export function failedFiles({ files }: Outcomes): string[] {
  return files.filter((file) => !file.isPassed).map(({ path }) => path);
}

/**
 * What failed again fails, and so does what was skipped: it is a test that nobody runs.
 * @param again the second runs; of a file that has none, the first counts.
 * @param status the exit status of the first run. One that is not 0 though nothing failed in it is a
 *   fault that no outcome tells of, as is one that is no number.
 */
export function judge(first: Outcomes, again: readonly Outcomes[], status: number): Verdict {
  const second = new Map(again.flatMap(({ files }) => files).map((file) => [file.path, file]));
  const strayErrors = [first, ...again].flatMap((run) => run.strayErrors);
  const final = first.files.map((file) => second.get(file.path) ?? file);
  const faults = [
    ...final.flatMap((file) => faultsOf(file)),
    ...first.files.flatMap((file) => missingIn(second.get(file.path), file)),
    ...strayErrors.map((message) => `error outside of a test: ${message}`),
    ...(status !== 0 && isSound(first)
      ? [`npm test ended with ${status}, and no test failed`]
      : []),
  ];
  const passed = final.flatMap(({ tests }) => tests).filter((test) => test.state === "passed");
  const recovered = first.files.flatMap((file) => recoveredIn(second.get(file.path), file));
  return {
    lines: [...recovered, ...faults, `${passed.length} passed, ${faults.length} failed`],
    isPassed: faults.length === 0 && passed.length > 0,
  };
}

function isSound({ files, strayErrors }: Outcomes): boolean {
  return files.every(({ isPassed }) => isPassed) && strayErrors.length === 0;
}

function faultsOf({ path, isPassed, tests }: FileOutcome): string[] {
  const faults = tests
    .filter(({ state }) => state !== "passed")
    .map(({ name, state }) => `${state}: ${path}: ${name}`);
  return isPassed || faults.length > 0 ? faults : [`failed: ${path}: ${OUTSIDE}`];
}

/** A test that failed and is not there any more has not passed. */
function missingIn(again: FileOutcome | undefined, { path, tests }: FileOutcome): string[] {
  if (again === undefined) return [];
  const names = new Set(again.tests.map(({ name }) => name));
  return tests
    .filter(({ name }) => !names.has(name))
    .map(({ name }) => `failed: ${path}: ${name}: not there in the second run`);
}

function recoveredIn(again: FileOutcome | undefined, { path, tests }: FileOutcome): string[] {
  if (again?.isPassed !== true) return [];
  const failed = tests.filter(({ state }) => state === "failed").map(({ name }) => name);
  const passed = new Set(again.tests.map(({ name }) => name));
  return (failed.length > 0 ? failed.filter((name) => passed.has(name)) : [OUTSIDE]).map(
    (name) => `failed first, passed alone: ${path}: ${name}`,
  );
}
