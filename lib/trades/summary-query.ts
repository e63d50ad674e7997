/**
 * What `GET /summary/{symbol}/{date}` was asked for.
 */

import * as v from "valibot";
import { ServiceError } from "../errors.ts";
import { checkObject } from "./input-faults.ts";
import { parseDay } from "./timestamp.ts";
import { SymbolCode } from "./trade.ts";

const DATE_EXPECTED = "expected a calendar date such as 2021-01-08";

/** The path parameters of `GET /summary/{symbol}/{date}`. */
export const SummaryParameters = v.strictObject({
  symbol: v.pipe(SymbolCode, v.description("The symbol, in capitals; a `/` in it as `%2F`.")),
  date: v.pipe(
    v.string(DATE_EXPECTED),
    v.regex(/^\d{4}-\d\d-\d\d$/, DATE_EXPECTED),
    v.check((text) => parseDay(text) !== undefined, DATE_EXPECTED),
    v.description("UTC day."),
    v.examples(["2021-01-08"]),
  ),
});

/** One symbol's UTC day; `date` is `YYYY-MM-DD`. */
export type SummaryQuery = v.InferOutput<typeof SummaryParameters>;

/**
 * Reads the path parameters of `GET /summary/{symbol}/{date}`, already URL-decoded.
 * @throws {ServiceError} `INVALID_REQUEST` with a fault for every bad one.
 */
export function parseSummaryQuery(
  params: Readonly<Record<string, string | undefined>>,
): SummaryQuery {
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  const { output, faults } = checkObject(SummaryParameters, Object.fromEntries(given));
  if (output !== undefined) return output;
  const names = faults.map((fault) => fault.pointer.slice(1));
  throw new ServiceError("INVALID_REQUEST", `not valid: ${names.join(", ")}`, { faults });
}
