/**
 * Random numbers from a seed, the same on every machine: sfc32 by Chris Doty-Humphrey, small and of
 * good quality. Not for secrets.
 * @see https://pracrand.sourceforge.net
 */

import { createHash } from "node:crypto";

export interface Random {
  /** From 0 (inclusive) to 1 (exclusive). */
  uniform(): number;
  /** Mean 0, standard deviation 1. */
  normal(): number;
  /** Mean 1: the wait for the next of events that come by themselves. */
  exponential(): number;
  /** One of a list that isn't empty. */
  pick<Item>(items: readonly Item[]): Item;
}

export function randomFrom(seed: string): Random {
  const next = sfc32(createHash("sha256").update(seed).digest());
  const uniform = () => next() / 2 ** 32;
  const exponential = () => -Math.log(1 - uniform());
  return {
    uniform,
    // Box and Muller's transform; one of its two results is enough.
    normal: () => Math.sqrt(2 * exponential()) * Math.cos(2 * Math.PI * uniform()),
    exponential,
    pick: (items) => items[Math.floor(uniform() * items.length)] as (typeof items)[number],
  };
}

/** Whole numbers from 0 to 2^32 - 1. */
function sfc32(seed: Buffer): () => number {
  let [a, b, c, counter] = [0, 4, 8, 12].map((at) => seed.readInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  return () => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    c |= 0;
    return result >>> 0;
  };
}
