/**
 * Rendezvous hashing: which of several Pushgateways an incarnation uses. Adding one moves only the
 * incarnations that it wins; removing one moves only those it had.
 * @see Thaler and Ravishankar, Using Name-Based Mappings to Increase Hit Rates (1998)
 */

import { createHash } from "node:crypto";

/** The place with the highest score for this key. @throws {RangeError} when there is none. */
export function choosePlace<T extends { readonly url: string }>(
  places: readonly T[],
  key: string,
): T {
  let best: { place: T; score: string } | undefined;
  for (const place of places) {
    const score = createHash("sha256").update(`${place.url}\n${key}`).digest("hex");
    if (best === undefined || score > best.score) best = { place, score };
  }
  if (best === undefined) throw new RangeError("places: expected at least one");
  return best.place;
}
