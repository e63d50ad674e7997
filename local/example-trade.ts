/**
 * Trades to try publishing with: of a symbol of their own, so that they mix with nobody's.
 */

import type { Random } from "./random.ts";

export const EXAMPLE_SYMBOL = "DEMO";

/** What a publisher has to say of a trade; always the same one. */
export const EXAMPLE_TRADE = {
  trade_id: "1",
  symbol: EXAMPLE_SYMBOL,
  exchange: "DEMO",
  asset_class: "CRYPTO",
  timestamp: "2026-11-24T09:30:00.000001Z",
  price: "96000.5",
  quantity: "0.25",
  currency: "USDT",
};

/** A new trade, made now. */
export function makeExampleTrade(random: Random, now: Date = new Date()) {
  const digits = () => String(Math.floor(random.uniform() * 1e9)).padStart(9, "0");
  return {
    ...EXAMPLE_TRADE,
    trade_id: `${now.getTime()}-${digits()}`,
    timestamp: now.toISOString(),
    price: (96_000 + random.normal() * 20).toFixed(2),
    quantity: (0.0001 + random.exponential() * 0.05).toFixed(5),
    side: random.pick(["BUY", "SELL"]),
  };
}
