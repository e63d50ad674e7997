/**
 * `GET /trades`: a page of trades, newest first.
 */

import { parseQuery } from "../lib/http/query.ts";
import { json } from "../lib/http/response.ts";
import { apiFunction, config } from "../lib/service.ts";
import { openTradeQueries, queryZeros } from "../lib/trade-queries.ts";
import { parseTradesQuery } from "../lib/trades/trades-query.ts";

const queries = openTradeQueries(config);

export const handler = await apiFunction(
  "list-trades",
  async (request, { metrics }) => {
    const query = parseQuery(request, parseTradesQuery);
    const { trades, nextCursor } = await queries(metrics).listTrades(query);
    return json({ count: trades.length, trades, next_cursor: nextCursor ?? null });
  },
  queryZeros("list_trades"),
);
