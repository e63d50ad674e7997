/**
 * The trade store as the functions use it: opened from the configuration, each call measured.
 */

import type { Config } from "./config/service-config.ts";
import { openDynamoDb } from "./dynamodb-client.ts";
import type { Zeros } from "./measured.ts";
import type { MetricsClient } from "./metrics/record/metrics-client.ts";
import { openTradeStore, type TradeStore } from "./trades/trade-store.ts";

/** The store's reading calls; what each cost goes into the metrics. */
export type TradeQueries = Pick<TradeStore, "listTrades" | "listSymbols" | "summarizeDay">;

const ENGINE = "dynamodb";

/** Opens the configured table; once, in the init phase. Nothing is sent before the first call. */
export function openTable(config: Config): TradeStore {
  const client = openDynamoDb(config.dynamodb);
  const { table } = config.dynamodb;
  return openTradeStore({ client, table, ...config.trades });
}

/** Opens the configured table and gives each invocation queries that record in its own metrics. */
export function openTradeQueries(config: Config): (metrics: MetricsClient) => TradeQueries {
  const store = openTable(config);
  return (metrics) => measureQueries(store, metrics, config.dynamodb.table);
}

/** What a function that asks these queries counts from 0, by the names that they have in metrics. */
export function queryZeros(...types: readonly string[]): Zeros {
  const sets = types.map((query_type) => ({ engine: ENGINE, query_type }));
  return { query_duration_milliseconds: sets, query_rows_returned: sets };
}

function measureQueries(store: TradeStore, metrics: MetricsClient, table: string): TradeQueries {
  const measure = async <T extends { readonly capacityUnits: number }>(
    query_type: string,
    query: () => Promise<T>,
    countRows: (result: T) => number,
  ): Promise<T> => {
    const labels = { engine: ENGINE, query_type };
    const stop = metrics.timer("query_duration_milliseconds", labels);
    try {
      const result = await query();
      const capacity = { table, operation: query_type };
      metrics.increment("dynamodb_consumed_capacity_units_total", result.capacityUnits, capacity);
      metrics.histogram("query_rows_returned", countRows(result), labels);
      return result;
    } finally {
      stop();
    }
  };
  return {
    listTrades: (query) =>
      measure(
        "list_trades",
        () => store.listTrades(query),
        ({ trades }) => trades.length,
      ),
    listSymbols: () =>
      measure(
        "list_symbols",
        () => store.listSymbols(),
        ({ symbols }) => symbols.length,
      ),
    summarizeDay: (symbol, date) =>
      measure(
        "summarize_day",
        () => store.summarizeDay(symbol, date),
        ({ summary }) => (summary === undefined ? 0 : 1),
      ),
  };
}
