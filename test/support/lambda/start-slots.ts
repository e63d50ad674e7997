/**
 * Lets only so many processes start at once: each start takes a core for a while, and holds up this
 * process too, which plays Lambda for all that run already.
 */

import { availableParallelism } from "node:os";

const SLOTS = 2 * availableParallelism();

let taken = 0;
const waiting: (() => void)[] = [];

/** Waits for a slot. @returns what gives it back; to be called once. */
export async function takeStartSlot(): Promise<() => void> {
  if (taken < SLOTS) taken += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  return () => {
    const next = waiting.shift();
    // Passed on, it stays taken.
    if (next === undefined) taken -= 1;
    else next();
  };
}
