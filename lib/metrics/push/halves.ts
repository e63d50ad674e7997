/**
 * Finds what a Pushgateway refuses: it answers 400 to a whole payload for one family in it. Halves
 * are POSTed, each of which arrives or does not, and nothing that arrived before is erased.
 */

import { isRejection, type PushOutcome } from "./push-target.ts";

/** Told what became of each part, in order. */
export interface PartFates<Family> {
  readonly arrived: (families: readonly Family[]) => void;
  /** A family that is refused by itself. */
  readonly rejected: (family: Family, detail: string) => void;
  /** Nobody answered: it may have arrived. */
  readonly unanswered: (families: readonly Family[]) => void;
}

/**
 * POSTs a payload by halves, and goes on until each family has arrived or is rejected by itself.
 * Stops at a part that is refused otherwise or not answered; does not begin when a Pushgateway,
 * broken by anyone's group, refuses everything: then no family is to blame.
 * @returns whether all but the rejected families arrived.
 */
export async function postByHalves<Family>(
  families: readonly Family[],
  post: (families: readonly Family[]) => Promise<PushOutcome>,
  fates: PartFates<Family>,
): Promise<boolean> {
  const { outcome } = await post([]);
  return outcome === "acknowledged" && postHalves(families, post, fates);
}

async function postHalves<Family>(
  families: readonly Family[],
  post: (families: readonly Family[]) => Promise<PushOutcome>,
  fates: PartFates<Family>,
): Promise<boolean> {
  const middle = Math.ceil(families.length / 2);
  for (const half of [families.slice(0, middle), families.slice(middle)]) {
    if (half.length > 0 && !(await postPart(half, post, fates))) return false;
  }
  return true;
}

async function postPart<Family>(
  families: readonly Family[],
  post: (families: readonly Family[]) => Promise<PushOutcome>,
  fates: PartFates<Family>,
): Promise<boolean> {
  const outcome = await post(families);
  if (outcome.outcome === "acknowledged") fates.arrived(families);
  if (outcome.outcome === "unanswered") fates.unanswered(families);
  if (!isRejection(outcome)) return outcome.outcome === "acknowledged";
  if (families.length > 1) return postHalves(families, post, fates);
  for (const family of families) fates.rejected(family, outcome.detail);
  return true;
}
