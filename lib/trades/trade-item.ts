/**
 * A trade as an item: raw attribute values, so that no decimal meets a float. Names are short, and
 * what the key says is not said again, but for the exchange, since no filter may look at keys.
 */

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { canonicalDecimal } from "./decimal.ts";
import {
  dayOfTrade,
  parseTradeSortKey,
  recentPartition,
  shardOf,
  timeOf,
  tradePartition,
  tradeSortKey,
} from "./keys.ts";
import { messageIdOf } from "./message-id.ts";
import { formatTimestamp, microsOf } from "./timestamp.ts";
import type { RecordedTrade, Trade } from "./trade.ts";

export type Item = Record<string, AttributeValue>;

export interface TradeItemOptions {
  /** 1, 2, 3… in the order the symbol's trades were recorded. */
  readonly platformSequence: number;
  /** Partitions of the trade's symbol on its day. */
  readonly shards: number;
  /** Partitions of the feed over all symbols on its day. */
  readonly recentShards: number;
  /** Epoch seconds after which DynamoDB may drop it; undefined: never. */
  readonly expiry: number | undefined;
}

/** A trade's identity and its terms, in which no other trade of this identity may differ. */
export type Terms = Pick<
  Trade,
  | "exchange"
  | "symbol"
  | "trade_id"
  | "timestamp"
  | "asset_class"
  | "price"
  | "quantity"
  | "currency"
  | "side"
>;

/** The attributes that `termsOf` needs. */
export const TERM_ATTRIBUTES: readonly string[] = ["pk", "sk", "a", "p", "q", "c", "s"];

/** Makes the item of a trade that is new. */
export function toTradeItem(trade: Trade, options: TradeItemOptions): Item {
  const time = timeOf(trade);
  const day = dayOfTrade(trade);
  return {
    pk: { S: tradePartition(trade.symbol, day, shardOf(trade, options.shards)) },
    sk: { S: tradeSortKey({ ...trade, time }) },
    gpk: { S: recentPartition(day, shardOf(trade, options.recentShards)) },
    x: { S: trade.exchange },
    a: { S: trade.asset_class },
    p: { N: trade.price },
    q: { N: trade.quantity },
    c: { S: trade.currency },
    s: { S: trade.side },
    i: { N: microsOf(trade.ingestion_timestamp) },
    n: { N: String(options.platformSequence) },
    ...optionalAttributes(trade),
    ...(options.expiry === undefined ? {} : { ttl: { N: String(options.expiry) } }),
  };
}

function optionalAttributes(trade: Trade): Item {
  const { message_id, source_sequence, trade_conditions, vendor_data } = trade;
  const item: Item = {};
  if (message_id !== messageIdOf(trade)) item["m"] = { S: message_id };
  if (source_sequence !== undefined) item["o"] = { N: source_sequence };
  if (trade_conditions.length > 0) item["tc"] = { L: trade_conditions.map((S) => ({ S })) };
  if (Object.keys(vendor_data).length > 0)
    item["vd"] = { M: Object.fromEntries(Object.entries(vendor_data).map(([k, S]) => [k, { S }])) };
  return item;
}

/** Reads an item back into the trade, byte for byte as it was in canonical form. */
export function fromTradeItem(item: Item): RecordedTrade {
  const { exchange, symbol, trade_id, ...terms } = termsOf(item);
  const source_sequence = item["o"]?.N;
  return {
    message_id: item["m"]?.S ?? messageIdOf({ exchange, symbol, trade_id }),
    trade_id,
    symbol,
    exchange,
    ...terms,
    trade_conditions: (item["tc"]?.L ?? []).map(text),
    ...(source_sequence === undefined ? {} : { source_sequence }),
    ingestion_timestamp: formatTimestamp(number(item["i"])),
    platform_sequence: number(item["n"]),
    vendor_data: Object.fromEntries(
      Object.entries(item["vd"]?.M ?? {}).map(([name, value]) => [name, text(value)]),
    ),
  };
}

/** Reads an item's identity and terms; no other attribute need be there. */
export function termsOf(item: Item): Terms {
  const position = parseTradeSortKey(text(item["sk"]));
  if (position === undefined) throw new TypeError(`not a trade's sort key: ${text(item["sk"])}`);
  const { time, exchange, symbol, trade_id } = position;
  return {
    exchange,
    symbol,
    trade_id,
    asset_class: text(item["a"]),
    timestamp: formatTimestamp(time),
    price: canonicalDecimal(number(item["p"])),
    quantity: canonicalDecimal(number(item["q"])),
    currency: text(item["c"]),
    side: text(item["s"]) as Terms["side"],
  };
}

/** Text of an attribute; empty when it is not there. */
export function text(value: AttributeValue | undefined): string {
  return value?.S ?? "";
}

/** Digits of a number attribute; `0` when it is not there. */
export function number(value: AttributeValue | undefined): string {
  return value?.N ?? "0";
}
