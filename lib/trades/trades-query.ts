/**
 * What `GET /trades` was asked for: its parameters, checked all at once.
 */

import * as v from "valibot";
import { type InputFault, ServiceError } from "../errors.ts";
import { CURSOR_EXPECTED, type CursorFilters, decodeCursor, isCursor } from "./cursor.ts";
import { checkObject } from "./input-faults.ts";
import { type Micros16, parseTimestamp } from "./timestamp.ts";
import { ExchangeCode, SymbolCode, timestamp } from "./trade.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const LIMIT_EXPECTED = `expected a whole number from 1 to ${MAX_LIMIT}`;

/** The query parameters of `GET /trades`, as they come in the URL. */
export const TradesParameters = v.strictObject({
  symbol: v.optional(SymbolCode),
  exchange: v.optional(ExchangeCode),
  start_time: v.optional(timestamp("Oldest time to list, inclusive.")),
  end_time: v.optional(timestamp("Time before which to list, exclusive.")),
  limit: v.optional(
    v.pipe(
      v.string(LIMIT_EXPECTED),
      v.regex(/^(1000|[1-9]\d{0,2})$/, LIMIT_EXPECTED),
      v.description(
        "Most trades on the page, 1 to 1000. A page may be shorter and still have a next.",
      ),
      v.examples(["100"]),
    ),
    String(DEFAULT_LIMIT),
  ),
  cursor: v.optional(
    v.pipe(
      v.string(CURSOR_EXPECTED),
      v.check(isCursor, CURSOR_EXPECTED),
      v.description("`next_cursor` of the page before, with the same filters."),
    ),
  ),
});

/** A page of trades to list, newest first. */
export interface TradesQuery extends CursorFilters {
  readonly symbol?: string;
  readonly exchange?: string;
  /** Inclusive. */
  readonly startTime?: Micros16;
  /** Exclusive. */
  readonly endTime?: Micros16;
  /** 1 to 1000. */
  readonly limit: number;
  /** List only what sorts below it: the cursor's sort key or time. */
  readonly before?: string;
}

/**
 * Reads the query parameters of `GET /trades`, already URL-decoded; undefined ones count as absent.
 * @throws {ServiceError} `INVALID_REQUEST` with a fault for every bad or unknown parameter.
 */
export function parseTradesQuery(
  params: Readonly<Record<string, string | undefined>>,
): TradesQuery {
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  const { output, faults } = checkObject(TradesParameters, Object.fromEntries(given));
  const [startTime, endTime] = [params["start_time"], params["end_time"]].map(timeOf);
  const orderFaults = faultsOfOrder(startTime, endTime);
  if (output === undefined || orderFaults.length > 0) throw invalid([...faults, ...orderFaults]);
  const filters: CursorFilters = {
    ...(output.symbol === undefined ? {} : { symbol: output.symbol }),
    ...(output.exchange === undefined ? {} : { exchange: output.exchange }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
  };
  const limit = Number(output.limit);
  return output.cursor === undefined
    ? { ...filters, limit }
    : { ...filters, limit, before: positionOf(filters, output.cursor) };
}

function positionOf(filters: CursorFilters, cursor: string): string {
  const decoded = decodeCursor(filters, cursor);
  if (decoded.fault !== undefined) throw invalid([{ pointer: "/cursor", detail: decoded.fault }]);
  return decoded.position;
}

function faultsOfOrder(start: Micros16 | undefined, end: Micros16 | undefined): InputFault[] {
  return start !== undefined && end !== undefined && start >= end
    ? [{ pointer: "/end_time", detail: "expected a time after start_time" }]
    : [];
}

function timeOf(text: string | undefined): Micros16 | undefined {
  return text === undefined ? undefined : parseTimestamp(text);
}

function invalid(faults: readonly InputFault[]): ServiceError {
  const names = faults.map((fault) => fault.pointer.slice(1));
  return new ServiceError("INVALID_REQUEST", `not valid: ${names.join(", ")}`, { faults });
}
