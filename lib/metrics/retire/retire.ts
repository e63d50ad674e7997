/**
 * Retirement: folds the groups of dead environments into the ledger's base, by one conditional write,
 * and then deletes them. Any number of runs may overlap, and each may stop anywhere.
 */

import { deleteGroups } from "./delete-groups.ts";
import type { Ledger } from "./ledger.ts";
import { NO_COUNTS, planRetirement, type Counts, type PlanOptions } from "./retirement-plan.ts";

export interface RetireOptions extends Omit<PlanOptions, "leftMs"> {
  readonly ledger: Ledger;
  /** Time of the whole run, in milliseconds; what is not done then is for the next. Default: no limit. */
  readonly budgetMs?: number;
}

export interface Retirement extends Counts {
  /** Groups deleted; the rest is for the next run. */
  readonly deleted: number;
  /** Every Pushgateway was read, and nothing is left to delete. */
  readonly isComplete: boolean;
  /** Of the ledger's base. */
  readonly version: number;
}

/** Overlapping runs lose the conditional write to each other; one of them always wins it. */
const MAX_ATTEMPTS = 8;

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
    const { doomed, counts } = plan;
    const deleted = await deleteGroups(doomed, { ...options, leftMs });
    const { version } = plan.isChanged ? plan.base : base;
    const isComplete = counts.unread === 0 && deleted === doomed.length;
    return { ...counts, deleted, isComplete, version };
  }
  log.warn("retirement lost every attempt to another run", { attempts: MAX_ATTEMPTS });
  const { version } = await ledger.readBase();
  return { ...NO_COUNTS, deleted: 0, isComplete: false, version };
}
