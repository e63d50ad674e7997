/**
 * Trades for tests: arbitrary ones for laws, and a seeded run of believable ones.
 */

import { crc32 } from "node:zlib";
import * as fc from "fast-check";
import { parseTrade } from "../../lib/trades/parse-trade.ts";
import { formatTimestamp } from "../../lib/trades/timestamp.ts";
import type { Trade } from "../../lib/trades/trade.ts";

const decimals = fc
  .tuple(fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }), fc.nat(8))
  .map(([units, scale]) => {
    const digits = String(units).padStart(9, "0");
    const text = `${digits.slice(0, -8)}.${digits.slice(-8)}`;
    return /^[0.]*$/.test(text.slice(0, text.length - scale)) ? text : text.slice(0, -scale || 27);
  })
  .map((text) => text.replace(/\.$/, ""));

const codes = fc.stringMatching(/^[A-Z0-9][A-Z0-9._/-]{0,31}$/);
const tokens = fc.stringMatching(/^[!-"$-~]{1,64}$/);
const timestamps = fc
  .bigInt({ min: 10n ** 15n, max: 10n ** 16n - 1n })
  .map((micros) => formatTimestamp(String(micros)));
const names = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/);
const texts = fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => text.length <= 32);

/** Anything a publisher may send as a trade. */
export function tradeInputs() {
  return fc.record(
    {
      trade_id: fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 22n }).map(String), tokens),
      symbol: codes,
      exchange: codes,
      asset_class: fc.stringMatching(/^[A-Z][A-Z0-9_]{0,31}$/),
      timestamp: timestamps,
      price: decimals,
      quantity: decimals,
      currency: fc.stringMatching(/^[A-Z][A-Z0-9]{1,11}$/),
      side: fc.constantFrom("BUY", "SELL", "SELL_SHORT", "UNKNOWN"),
      message_id: tokens,
      trade_conditions: fc.array(
        texts.filter((text) => text !== "" && !/[\uD800-\uDFFF]/.test(text)),
        { maxLength: 16 },
      ),
      source_sequence: fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }).map(String),
      ingestion_timestamp: timestamps,
      vendor_data: fc.dictionary(
        names.filter((name) => !["constructor", "prototype"].includes(name)),
        texts,
        { maxKeys: 8 },
      ),
    },
    {
      requiredKeys: [
        "trade_id",
        "symbol",
        "exchange",
        "asset_class",
        "timestamp",
        "price",
        "quantity",
        "currency",
      ],
    },
  );
}

/** Any trade in canonical form. */
export function trades(): fc.Arbitrary<Trade> {
  return tradeInputs().map((input) => tradeOf(input));
}

/** A trade with these fields and plain others, in canonical form; a bad field is an error. */
export function tradeOf(fields: Partial<Record<keyof Trade, unknown>> = {}): Trade {
  const plain = {
    trade_id: "1",
    symbol: "BTCUSDT",
    exchange: "BINANCE",
    asset_class: "CRYPTO",
    timestamp: "2021-01-08T00:00:00.278Z",
    price: "39432.48",
    quantity: "0.000263",
    currency: "USDT",
    side: "BUY",
    ingestion_timestamp: "2025-11-23T00:00:00Z",
  };
  const { trade, faults } = parseTrade({ ...plain, ...fields }, { now: 0 });
  if (trade === undefined) throw new Error(JSON.stringify(faults));
  return trade;
}

export interface TradeRunOptions {
  readonly symbol: string;
  readonly count: number;
  /** Milliseconds from one trade to the next, on average; a third share one. Default 20. */
  readonly stepMs?: number;
  /** Default 2021-01-08T00:00:00Z. */
  readonly start?: string;
  /** Id of the first trade. Default 1. */
  readonly firstId?: number;
}

/** The same believable run every time: numbered trades, many in the same millisecond, prices that wander. */
export function tradeRun(options: TradeRunOptions): Trade[] {
  const { symbol, count, stepMs = 20, start = "2021-01-08T00:00:00Z", firstId = 1 } = options;
  const random = seeded(symbol);
  let [millis, cents] = [Date.parse(start), 3_900_000];
  return Array.from({ length: count }, (_, index) => {
    millis += random() < 0.35 ? 0 : Math.round(random() * 3 * stepMs);
    cents += Math.round((random() - 0.5) * 2_000);
    return tradeOf({
      trade_id: String(firstId + index),
      symbol,
      timestamp: new Date(millis).toISOString(),
      price: (cents / 100).toFixed(2),
      quantity: (0.000001 + random() * 2).toFixed(6),
      side: random() < 0.5 ? "BUY" : "SELL",
    });
  });
}

/** A small generator of numbers from 0 to 1 (mulberry32), the same for the same seed. */
function seeded(seed: string): () => number {
  let state = crc32(seed) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
