/**
 * Deletes groups that no longer count from their Pushgateways. What fails, or is not reached in time,
 * is a ghost for the next run.
 */

import type { Log } from "../../log.ts";
import type { Doomed, RetirablePushgateway } from "./retirement-plan.ts";

export interface DeleteOptions {
  /** Longest time of one deletion, in milliseconds. */
  readonly timeoutMs: number;
  /** What is left of the run's time, in milliseconds. */
  readonly leftMs: () => number;
  readonly log: Log;
}

/** At each Pushgateway: one that hangs keeps no other waiting. */
const DELETIONS_AT_ONCE = 16;

/** Never rejects. @returns how many deletions were acknowledged. */
export async function deleteGroups(
  doomed: readonly Doomed[],
  options: DeleteOptions,
): Promise<number> {
  const places = Map.groupBy(doomed, ({ pushgateway }) => pushgateway);
  const deleted = await Promise.all(
    [...places].map(([pushgateway, groups]) => deleteFrom(pushgateway, groups, options)),
  );
  return deleted.reduce((sum, count) => sum + count, 0);
}

async function deleteFrom(
  pushgateway: RetirablePushgateway,
  groups: readonly Doomed[],
  { timeoutMs, leftMs, log }: DeleteOptions,
): Promise<number> {
  const queue = groups.values();
  let deleted = 0;
  let failed = 0;
  let cause: unknown;
  const work = async () => {
    for (const { key } of queue) {
      const limitMs = Math.min(timeoutMs, leftMs());
      if (limitMs === 0) return;
      try {
        if (await pushgateway.remove(key, { timeoutMs: limitMs })) deleted += 1;
        else failed += 1;
      } catch (error) {
        failed += 1;
        cause = error;
      }
    }
  };
  await Promise.all(Array.from({ length: DELETIONS_AT_ONCE }, work));
  const unreached = groups.length - deleted - failed;
  if (failed + unreached > 0) {
    const { url } = pushgateway;
    log.warn("groups are left to delete", { url, failed, unreached, error: cause });
  }
  return deleted;
}
