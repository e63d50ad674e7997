/**
 * `POST /trades`: a trade or a list of them into the trades topic, all or none. 202 says that Kafka
 * has them on every in-sync replica; `consume-trades` stores them.
 */

import { readJson } from "../lib/http/body.ts";
import { json } from "../lib/http/response.ts";
import { apiFunction, config } from "../lib/service.ts";
import { openTradeTopics, producingZeros } from "../lib/trade-topics.ts";
import { loadKafka } from "../lib/trades/kafka-client.ts";
import { parseTrades } from "../lib/trades/parse-trades.ts";
import { encodeTrade } from "../lib/trades/topic-record.ts";
import type { Trade } from "../lib/trades/trade.ts";

const MAX_BODY_BYTES = 1_048_576;
/** Leaves enough of the function's own time, and more of API Gateway's, to say that it failed. */
const TIMEOUT_MS = 5_000;

const { brokers, topics } = config.kafka;
const topicsOf = openTradeTopics(config);
// While a function starts, Lambda lends it a whole processor.
if (brokers.length > 0) await loadKafka();

export const handler = await apiFunction(
  "publish-trades",
  async (request, { metrics }) => {
    const body = readJson(request, MAX_BODY_BYTES);
    const trades = parseTrades(body, { now: Date.now() * 1_000 });
    const records = trades.map((trade) => encodeTrade(trade, request));
    await topicsOf(metrics).send(topics.trades, records, { timeoutMs: TIMEOUT_MS });
    return json({ count: trades.length, trades: trades.map(idsOf) }, { status: 202 });
  },
  producingZeros(topics.trades),
);

function idsOf({ message_id, exchange, symbol, trade_id }: Trade) {
  return { message_id, exchange, symbol, trade_id };
}
