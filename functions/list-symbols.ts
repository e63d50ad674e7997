/**
 * `GET /symbols`: every symbol ever traded, with its first and last trade and their number.
 */

import { json } from "../lib/http/response.ts";
import { apiFunction, config } from "../lib/service.ts";
import { openTradeQueries, queryZeros } from "../lib/trade-queries.ts";

const queries = openTradeQueries(config);

export const handler = await apiFunction(
  "list-symbols",
  async (_request, { metrics }) => {
    const { symbols } = await queries(metrics).listSymbols();
    return json({ count: symbols.length, symbols });
  },
  queryZeros("list_symbols"),
);
