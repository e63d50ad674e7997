/**
 * Gives every property test the same cases each time, so that a gate says the same of the same code.
 * `FAST_CHECK_SEED=<number>` tries others, `FAST_CHECK_SEED=random` ones that nobody has tried.
 */

import fc from "fast-check";

const DEFAULT_SEED = 20_261_124;

const given = process.env["FAST_CHECK_SEED"];
if (given !== "random") {
  const seed = given === undefined ? DEFAULT_SEED : Number(given);
  if (!Number.isSafeInteger(seed)) {
    throw new Error(`FAST_CHECK_SEED: expected a whole number or "random", not "${given}"`);
  }
  fc.configureGlobal({ seed });
}
