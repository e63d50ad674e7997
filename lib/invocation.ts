/** What a function of any kind has to hand while it works. */

import type { Log } from "./log.ts";
import type { MetricsClient } from "./metrics/record/metrics-client.ts";

export interface Invocation {
  /** Belongs to this invocation alone. */
  readonly metrics: MetricsClient;
  /** Its lines carry the function's name and what tells this invocation from others. */
  readonly log: Log;
}

/** The same, of a function that has to have answered before its time is over. */
export interface TimedInvocation extends Invocation {
  /** What was left of the invocation's time when it began, in milliseconds. */
  readonly remainingTimeMs: number;
}
