/**
 * From the body of a request to its trades, or to everything that is wrong with any of them.
 */

import { type InputFault, ServiceError } from "../errors.ts";
import { parseTrade } from "./parse-trade.ts";
import type { Trade } from "./trade.ts";

/** Most trades of one request. */
export const MAX_TRADES = 500;

/**
 * Reads one trade or a list of them, all or nothing.
 * @param now microseconds since the epoch.
 * @throws {ServiceError} `INVALID_REQUEST` with the faults of every bad trade, each named by its place
 *   in the list and its field (`/3/price`).
 */
export function parseTrades(body: unknown, { now }: { readonly now: number }): Trade[] {
  if (!Array.isArray(body)) return allOrNothing([parseTrade(body, { now })]);
  if (body.length === 0 || body.length > MAX_TRADES) {
    const detail = `expected 1 to ${MAX_TRADES} trades, got ${body.length}`;
    throw refused([{ pointer: "", detail }]);
  }
  return allOrNothing(body.map((one, i) => parseTrade(one, { now, pointer: `/${i}` })));
}

function allOrNothing(parsed: readonly ReturnType<typeof parseTrade>[]): Trade[] {
  const faults = parsed.flatMap((one) => one.faults ?? []);
  if (faults.length > 0) throw refused(faults);
  return parsed.flatMap(({ trade }) => trade ?? []);
}

function refused(faults: readonly InputFault[]): ServiceError {
  const detail = "Some trades are not as expected, so none was published.";
  return new ServiceError("INVALID_REQUEST", detail, { faults });
}
