/**
 * A process that retires what is dead on a Pushgateway when it is told to, for `bench/retire.ts`, and
 * says what that took.
 *
 *   node bench/retirer.ts PUSHGATEWAY DYNAMODB TABLE
 */

import { createLog } from "../lib/log.ts";
import { openDynamoDbLedger } from "../lib/metrics/retire/dynamodb-ledger.ts";
import type { Windows } from "../lib/metrics/retire/ledger.ts";
import { openPushgateway } from "../lib/metrics/read/pushgateway.ts";
import { retire, type Retirement } from "../lib/metrics/retire/retire.ts";
import { openTestClient } from "../test/support/dynamodb.ts";
import { SERVICE, STAGE } from "./fleet.ts";

/** What one run took. */
export interface Run extends Retirement {
  readonly ms: number;
  /** Of this process alone. */
  readonly cpuMs: number;
  /** The most this process has had so far, in MB. */
  readonly peakRssMb: number;
}

/** As short as they may be: the bench can't wait for half an hour. */
export const WINDOWS: Windows = {
  retireAfterSeconds: 10,
  leaseSeconds: 1,
  resendSeconds: 1,
  persistenceSeconds: 0,
  marginSeconds: 1,
};
/** As `functions/retire-environments.ts` has them. */
const TIMEOUT_MS = 20_000;
const BUDGET_MS = 35_000;

if (process.send !== undefined) serve(process.argv.slice(2));

function serve([url = "", endpoint = "", table = ""]: readonly string[]): void {
  const client = openTestClient(endpoint);
  const pushgateway = openPushgateway({ url });
  const options = {
    service: SERVICE,
    stage: STAGE,
    ledger: openDynamoDbLedger({ client, table, service: SERVICE, stage: STAGE }),
    urls: [url],
    open: () => pushgateway,
    windows: WINDOWS,
    log: createLog(),
    nowMs: Date.now,
    timeoutMs: TIMEOUT_MS,
    budgetMs: BUDGET_MS,
  };
  process.on("message", () => {
    void measure(() => retire(options)).then((run) => process.send?.(run));
  });
}

async function measure(run: () => Promise<Retirement>): Promise<Run> {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  const retirement = await run();
  const ms = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  const peakRssMb = process.resourceUsage().maxRSS / 1_024;
  return { ...retirement, ms, cpuMs: (user + system) / 1_000, peakRssMb };
}
