/**
 * A believable day of trades to try things on: random walks of well-known symbols, made from a seed,
 * so the same seed and day always give the same trades.
 */

import { formatTimestamp } from "../lib/trades/timestamp.ts";
import type { Trade } from "../lib/trades/trade.ts";
import { parseTrade } from "../lib/trades/parse-trade.ts";
import { randomFrom, type Random } from "./random.ts";

export interface SampleOptions {
  /** The UTC day, `YYYY-MM-DD`. */
  readonly date: string;
  /** Default 1. */
  readonly seed?: number;
  /** About how many trades in all, over all symbols. Default 20,000. */
  readonly count?: number;
}

interface Market {
  readonly symbol: string;
  readonly exchange: string;
  readonly assetClass: "CRYPTO" | "EQUITY";
  readonly currency: string;
  /** Share of all trades; the shares add up to 1. */
  readonly share: number;
  /** Price at midnight, and the smallest step of it: a power of ten. */
  readonly open: number;
  readonly tickDigits: number;
  /** A typical quantity, in lots of 10^-`lotDigits`. */
  readonly typicalLots: number;
  readonly lotDigits: number;
  /** How far the price moves in a day, as a share of it. */
  readonly volatility: number;
  /** UTC hours it trades in. */
  readonly hours: readonly [from: number, to: number];
  /** Digits after the second its exchange gives: 3 or 6. */
  readonly timeDigits: 3 | 6;
}

const BINANCE = {
  exchange: "BINANCE",
  assetClass: "CRYPTO",
  currency: "USDT",
  hours: [0, 24],
  timeDigits: 3,
} as const;

/** Equities trade on weekends too here: a sample without them would be no sample. */
const US_EQUITY = {
  assetClass: "EQUITY",
  currency: "USD",
  hours: [14.5, 21],
  tickDigits: 2,
  lotDigits: 0,
  timeDigits: 6,
} as const;

const MARKETS: readonly Market[] = [
  {
    ...BINANCE,
    symbol: "BTCUSDT",
    share: 0.3,
    open: 96_000,
    tickDigits: 2,
    typicalLots: 900,
    lotDigits: 5,
    volatility: 0.03,
  },
  {
    ...BINANCE,
    symbol: "ETHUSDT",
    share: 0.2,
    open: 3_400,
    tickDigits: 2,
    typicalLots: 1_500,
    lotDigits: 4,
    volatility: 0.04,
  },
  {
    ...BINANCE,
    symbol: "SOLUSDT",
    share: 0.12,
    open: 180,
    tickDigits: 2,
    typicalLots: 4_000,
    lotDigits: 3,
    volatility: 0.05,
  },
  {
    ...BINANCE,
    symbol: "ETHBTC",
    currency: "BTC",
    share: 0.06,
    open: 0.0355,
    tickDigits: 5,
    typicalLots: 1_200,
    lotDigits: 4,
    volatility: 0.02,
  },
  {
    ...US_EQUITY,
    symbol: "AAPL",
    exchange: "NASDAQ",
    share: 0.1,
    open: 245,
    typicalLots: 60,
    volatility: 0.015,
  },
  {
    ...US_EQUITY,
    symbol: "MSFT",
    exchange: "NASDAQ",
    share: 0.07,
    open: 470,
    typicalLots: 35,
    volatility: 0.014,
  },
  {
    ...US_EQUITY,
    symbol: "NVDA",
    exchange: "NASDAQ",
    share: 0.1,
    open: 178,
    typicalLots: 90,
    volatility: 0.03,
  },
  {
    ...US_EQUITY,
    symbol: "BRK.B",
    exchange: "NYSE",
    share: 0.05,
    open: 505,
    typicalLots: 12,
    volatility: 0.01,
  },
];

const DAY_MILLIS = 86_400_000;

/** The day before `now`, in UTC: `YYYY-MM-DD`. */
export function dayBefore(now: Date): string {
  return new Date(now.getTime() - DAY_MILLIS).toISOString().slice(0, 10);
}

/** Trades of one symbol after the other, each symbol's in time order, ties in order of their ids. */
export function makeSampleTrades(options: SampleOptions): Trade[] {
  const { date, seed = 1, count = 20_000 } = options;
  return MARKETS.flatMap((market) =>
    makeMarketTrades(market, {
      random: randomFrom(`${seed}|${date}|${market.symbol}`),
      midnight: Date.parse(`${date}T00:00:00Z`),
      count: Math.round(count * market.share),
    }),
  );
}

interface MarketDay {
  readonly random: Random;
  /** Milliseconds since 1970. */
  readonly midnight: number;
  readonly count: number;
}

function makeMarketTrades(market: Market, { random, midnight, count }: MarketDay): Trade[] {
  // Ids go on from day to day, as an exchange's do: two samples of one symbol never share one.
  const firstId = (midnight / DAY_MILLIS) * 1_000_000;
  let ticks = market.open * 10 ** market.tickDigits * Math.exp(random.normal() * 0.05);
  let id = firstId;
  return makeClusters(random, count).flatMap(({ size, moment }) => {
    ticks *= Math.exp(random.normal() * market.volatility * Math.sqrt(size / count));
    const side = random.uniform() < 0.5 ? "BUY" : "SELL";
    const micros = microsOf(moment, market, midnight);
    // A large order works its way through the book: each next part at a worse price.
    return Array.from({ length: size }, (_, level) =>
      toTrade(market, {
        id: id++,
        micros,
        delayMicros: 800 + random.exponential() * 4_000,
        ticks: Math.max(1, Math.round(ticks) + (side === "BUY" ? level : -level)),
        lots: Math.max(1, Math.round(market.typicalLots * Math.exp(random.normal() * 1.2))),
        side,
      }),
    );
  });
}

/** Trades made at one moment, since one order took several that waited in the book. */
interface Cluster {
  readonly size: number;
  /** From 0, when the market opens, to 1, when it closes; both exclusive. */
  readonly moment: number;
}

/** Clusters come by themselves, at random, and fill the day. */
function makeClusters(random: Random, trades: number): Cluster[] {
  const sizes: number[] = [];
  for (let left = trades; left > 0; left -= sizes.at(-1) ?? 0)
    sizes.push(
      Math.min(left, random.uniform() < 0.7 ? 1 : 2 + Math.floor(random.exponential() * 1.5)),
    );
  let wait = 0;
  const waits = sizes.map(() => (wait += random.exponential() + 1e-6));
  return sizes.map((size, at) => ({ size, moment: (waits[at] ?? 0) / (wait + 1) }));
}

function microsOf(moment: number, { hours: [from, to], timeDigits }: Market, midnight: number) {
  const micros = midnight * 1_000 + (from + (to - from) * moment) * 3_600_000_000;
  const step = timeDigits === 3 ? 1_000 : 1;
  return Math.floor(micros / step) * step;
}

interface Draft {
  readonly id: number;
  /** Since 1970. */
  readonly micros: number;
  readonly delayMicros: number;
  readonly ticks: number;
  readonly lots: number;
  readonly side: "BUY" | "SELL";
}

function toTrade(market: Market, draft: Draft): Trade {
  const { trade, faults } = parseTrade(
    {
      trade_id: String(draft.id),
      symbol: market.symbol,
      exchange: market.exchange,
      asset_class: market.assetClass,
      timestamp: formatTimestamp(String(draft.micros)),
      price: scaled(draft.ticks, market.tickDigits),
      quantity: scaled(draft.lots, market.lotDigits),
      currency: market.currency,
      side: draft.side,
      trade_conditions: market.assetClass === "EQUITY" ? [draft.lots < 100 ? "I" : "@"] : [],
      source_sequence: String(draft.id),
      // Not the time of this run, or the sample would be another each time.
      ingestion_timestamp: formatTimestamp(String(draft.micros + Math.round(draft.delayMicros))),
    },
    { now: 0 },
  );
  if (trade === undefined) throw new Error(`sample trade: ${JSON.stringify(faults)}`);
  return trade;
}

/** A whole number of 10^-digits as decimal text, without a float in between. */
function scaled(units: number, digits: number): string {
  const text = String(units).padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
