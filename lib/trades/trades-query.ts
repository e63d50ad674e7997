/**
 * What `GET /trades` was asked for: its parameters, checked all at once.
 */

import * as v from "valibot";
import { type InputFault, ServiceError } from "../errors.ts";
import {
  CURSOR_EXPECTED,
  type CursorFilters,
  decodeCursor,
  encodeCursor,
  isCursor,
} from "./cursor.ts";
import { checkObject } from "./input-faults.ts";
import { type Micros16, parseTimestamp } from "./timestamp.ts";
import { ExchangeCode, SymbolCode, timestamp } from "./trade.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const TIME_FORM =
  "ISO 8601 with `Z` or an offset, at most six digits of a second; `+` is `%2B` in a URL.";
const LIMIT_EXPECTED = `expected a whole number from 1 to ${MAX_LIMIT}`;
/** What the examples of the other parameters ask for, so that all of them fit together. */
const EXAMPLE_FILTERS: CursorFilters = {
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  startTime: "1610064000000000",
  endTime: "1610150400000000",
};

/** The query parameters of `GET /trades`, as they come in the URL. */
export const TradesParameters = v.strictObject({
  symbol: v.optional(v.pipe(SymbolCode, v.description("Only this symbol, in capitals."))),
  exchange: v.optional(v.pipe(ExchangeCode, v.description("Only this exchange, in capitals."))),
  start_time: v.optional(
    timestamp(`Oldest time to list, inclusive. ${TIME_FORM}`, {
      example: "2021-01-08T00:00:00Z",
    }),
  ),
  end_time: v.optional(
    timestamp(`Time before which to list, exclusive. ${TIME_FORM}`, {
      example: "2021-01-09T00:00:00Z",
    }),
  ),
  limit: v.optional(
    v.pipe(
      v.string(LIMIT_EXPECTED),
      v.regex(/^[1-9]\d{0,3}$/, LIMIT_EXPECTED),
      v.transform(Number),
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(MAX_LIMIT, LIMIT_EXPECTED),
      v.description("Most trades on the page. A page may be shorter and still have a next."),
      v.examples([100]),
    ),
    String(DEFAULT_LIMIT),
  ),
  cursor: v.optional(
    v.pipe(
      v.string(CURSOR_EXPECTED),
      v.regex(/^[A-Za-z0-9_-]+$/, CURSOR_EXPECTED),
      v.check(isCursor, CURSOR_EXPECTED),
      v.description("`next_cursor` of the page before, with the same filters."),
      v.examples([encodeCursor(EXAMPLE_FILTERS, "1610064000278000")]),
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
export function parseTradesQuery(params: Params): TradesQuery {
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  const checked = checkObject(TradesParameters, Object.fromEntries(given));
  const filters = filtersOf(params);
  const faults = [...checked.faults, ...faultsOfOrder(filters)];
  const cursor = isAnyAt(faults, [...FILTERS, "cursor"]) ? {} : readCursor(filters, params);
  if (cursor.fault !== undefined) faults.push({ pointer: "/cursor", detail: cursor.fault });
  if (checked.output === undefined || faults.length > 0) throw invalid(faults);
  const { limit } = checked.output;
  const { position: before } = cursor;
  return { ...filters, limit, ...(before === undefined ? {} : { before }) };
}

const FILTERS = ["symbol", "exchange", "start_time", "end_time"] as const;

type Params = Readonly<Record<string, string | undefined>>;

/** The filters as they stand; of use where none of them has a fault. */
function filtersOf(params: Params): CursorFilters {
  const { symbol, exchange, start_time, end_time } = params;
  const [startTime, endTime] = [start_time, end_time].map(timeOf);
  return {
    ...(symbol === undefined ? {} : { symbol }),
    ...(exchange === undefined ? {} : { exchange }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
  };
}

function isAnyAt(faults: readonly InputFault[], names: readonly string[]): boolean {
  return faults.some(({ pointer }) => names.includes(pointer.slice(1)));
}

function readCursor(
  filters: CursorFilters,
  { cursor }: Params,
): { readonly position?: string; readonly fault?: string } {
  return cursor === undefined ? {} : decodeCursor(filters, cursor);
}

function faultsOfOrder({ startTime, endTime }: CursorFilters): InputFault[] {
  return startTime !== undefined && endTime !== undefined && startTime >= endTime
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
