/**
 * Retirement: folds the groups of dead environments into the ledger's base, by one conditional write,
 * and then deletes them. Any number of runs may overlap, and each may stop anywhere.
 */

import type { Ledger } from "./ledger.ts";
import {
  NO_COUNTS,
  planRetirement,
  type Counts,
  type Doomed,
  type PlanOptions,
} from "./retirement-plan.ts";

export interface RetireOptions extends Omit<PlanOptions, "leftMs"> {
  readonly ledger: Ledger;
  /** Time of the whole run, in milliseconds; what is not done then is for the next. Default: no limit. */
  readonly budgetMs?: number;
}

export interface Retirement extends Counts {
  /** Groups deleted; the rest is for the next run. */
  readonly deleted: number;
  /** Of the ledger's base. */
  readonly version: number;
}

/** Overlapping runs lose the conditional write to each other; one of them always wins it. */
const MAX_ATTEMPTS = 8;
const DELETIONS_AT_ONCE = 16;

/**
 * Runs once.
 * @throws {ServiceError} `READ_FAILED` when the ledger can't be read or written.
 */
export async function retire(options: RetireOptions): Promise<Retirement> {
  const { ledger, log, budgetMs = Infinity } = options;
  const startedMs = performance.now();
  const leftMs = () => Math.max(0, budgetMs - (performance.now() - startedMs));
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const base = await ledger.readBase();
    const plan = await planRetirement(base, { ...options, leftMs });
    const isCommitted = !plan.isChanged || (await ledger.writeBase(plan.base));
    if (!isCommitted) continue;
    const deleted = await deleteGroups(plan.doomed, leftMs, options);
    const { version } = plan.isChanged ? plan.base : base;
    return { ...plan.counts, deleted, version };
  }
  log.warn("retirement lost every attempt to another run", { attempts: MAX_ATTEMPTS });
  const { version } = await ledger.readBase();
  return { ...NO_COUNTS, deleted: 0, version };
}

/** Deletes what no longer counts; what fails, or is not reached in time, is a ghost for the next run. */
async function deleteGroups(
  doomed: readonly Doomed[],
  leftMs: () => number,
  { timeoutMs }: RetireOptions,
): Promise<number> {
  const queue = doomed[Symbol.iterator]();
  let deleted = 0;
  const work = async () => {
    for (const { pushgateway, key } of queue) {
      const limitMs = Math.min(timeoutMs, leftMs());
      if (limitMs === 0) return;
      if (await pushgateway.remove(key, { timeoutMs: limitMs })) deleted += 1;
    }
  };
  await Promise.all(Array.from({ length: DELETIONS_AT_ONCE }, work));
  return deleted;
}
