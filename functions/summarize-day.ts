/**
 * `GET /summary/{symbol}/{date}`: what a symbol did on one UTC day.
 */

import { ServiceError } from "../lib/errors.ts";
import { json } from "../lib/http/response.ts";
import { apiFunction, config } from "../lib/service.ts";
import { openTradeQueries, queryZeros } from "../lib/trade-queries.ts";
import { parseSummaryQuery } from "../lib/trades/summary-query.ts";

const DAY_MS = 86_400_000;
/** A day that ended this long ago is taken to be complete; only a late correction changes it. */
const SETTLED_AFTER_MS = 2 * DAY_MS;
const SETTLED_MAX_AGE_SECONDS = 3_600;

const queries = openTradeQueries(config);

export const handler = await apiFunction(
  "summarize-day",
  async (request, { metrics }) => {
    const { symbol, date } = parseSummaryQuery(request.pathParameters);
    const { summary } = await queries(metrics).summarizeDay(symbol, date);
    if (summary === undefined) {
      throw new ServiceError("NOT_FOUND", `${symbol} has no trade on ${date}.`);
    }
    return json(summary, { headers: isSettled(date) ? SETTLED_HEADERS : {} });
  },
  queryZeros("summarize_day"),
);

const SETTLED_HEADERS = { "cache-control": `private, max-age=${SETTLED_MAX_AGE_SECONDS}` };

function isSettled(date: string): boolean {
  const endOfDayMs = Date.parse(`${date}T00:00:00Z`) + DAY_MS;
  return Date.now() - endOfDayMs > SETTLED_AFTER_MS;
}
