/**
 * What must hold between the times of the protocol so that no live environment is ever folded, told
 * in the variables they come from.
 */

import type { Config } from "./config.ts";
import { refuseWindows } from "./metrics/retire/ledger.ts";

/** What is wrong with the configured times, if anything. */
export function windowsFault({ metrics }: Pick<Config, "metrics">): string | undefined {
  const { windows, pushTimeoutMs } = metrics;
  const problem = refuseWindows(windows);
  if (problem !== undefined) return `METRICS_RETIRE_AFTER_SECONDS: ${problem}; see ${PARTS}`;
  return pushTimeoutMs > windows.marginSeconds * 1_000
    ? `METRICS_MARGIN_SECONDS: expected no less than METRICS_PUSH_TIMEOUT_MS (${pushTimeoutMs} ms), since a push may be applied that late`
    : undefined;
}

const PARTS = [
  "METRICS_LEASE_SECONDS",
  "METRICS_RESEND_SECONDS",
  "METRICS_PERSISTENCE_SECONDS",
  "METRICS_MARGIN_SECONDS",
].join(", ");
