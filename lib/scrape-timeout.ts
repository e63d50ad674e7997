/**
 * How long a scrape may take: no longer than Prometheus waits, API Gateway waits and the function has.
 */

/** API Gateway gives up after 29 seconds. */
const MAX_TIMEOUT_MS = 27_000;
const MIN_TIMEOUT_MS = 500;
/** Kept back of the time Prometheus waits, for the way back. */
const WAY_BACK_MS = 500;
/** Kept back of the invocation's time, for the answer that says why there is no page. */
const ANSWERING_MS = 2_000;

/**
 * @param scrapeTimeoutSeconds the header `X-Prometheus-Scrape-Timeout-Seconds`; anything that is no
 *   number of seconds says nothing.
 * @param remainingTimeMs what the invocation has left.
 * @returns from 500 to 27,000 milliseconds.
 */
export function scrapeTimeoutMs(scrapeTimeoutSeconds = "", remainingTimeMs = Infinity): number {
  const waitsMs = Number.parseFloat(scrapeTimeoutSeconds) * 1_000 - WAY_BACK_MS;
  const limits = [MAX_TIMEOUT_MS, remainingTimeMs - ANSWERING_MS];
  if (!Number.isNaN(waitsMs)) limits.push(waitsMs);
  return Math.max(MIN_TIMEOUT_MS, Math.min(...limits));
}
