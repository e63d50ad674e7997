/**
 * What `GET /trades` was asked for: its parameters, checked all at once.
 */

import type { Micros16 } from "./timestamp.ts";

/** A page of trades to list, newest first. */
export interface TradesQuery {
  readonly symbol?: string;
  readonly exchange?: string;
  /** Inclusive. */
  readonly startTime?: Micros16;
  /** Exclusive. */
  readonly endTime?: Micros16;
  /** 1 to 1000. */
  readonly limit: number;
  /** Sort key of the last trade of the page before; only older ones follow. */
  readonly before?: string;
}

/**
 * Reads the query parameters of `GET /trades`.
 * @throws {ServiceError} `INVALID_REQUEST` with a fault for every bad or unknown parameter.
 */
export function parseTradesQuery(
  params: Readonly<Record<string, string | undefined>>,
): TradesQuery {
  throw new Error(`not built yet: ${Object.keys(params).join()}`);
}
