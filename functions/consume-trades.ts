/**
 * Records of the trades topic, by Lambda's event source mapping: stored, or made dead letters, or
 * asked for again.
 */

import { eventFunction } from "../lib/event-function.ts";
import { config } from "../lib/service.ts";
import { SERVICE_METRICS } from "../lib/service-metrics.ts";
import { consumingZeros, openTradeConsumer } from "../lib/trade-consumer.ts";

export const handler = await eventFunction("consume-trades", openTradeConsumer(config), {
  metrics: SERVICE_METRICS,
  zeros: consumingZeros(config),
});
