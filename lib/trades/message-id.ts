/**
 * Ids for messages that came without one: the same trade always gets the same id.
 */

import { parse, v5 as uuidV5 } from "uuid";
import type { Trade } from "./trade.ts";

/** Never changes: stored trades leave out an id that follows from it. */
const NAMESPACE = parse("5d0f6c1e-7f0b-4b3a-9d3e-2b6a4c8e1f70");

/** UUID version 5 (RFC 9562) of exchange, symbol and trade id, which are what makes a trade one. */
export function messageIdOf(trade: Pick<Trade, "exchange" | "symbol" | "trade_id">): string {
  return uuidV5(`${trade.exchange}|${trade.symbol}|${trade.trade_id}`, NAMESPACE);
}
