/**
 * Lines of Binance's public `trades` dumps, as they are: `id,price,qty,quote_qty,time,is_buyer_maker`
 * and, for spot, `is_best_match`.
 * @see https://github.com/binance/binance-public-data
 */

import { Big } from "big.js";
import { MAX_LINE_LENGTH } from "./lines.ts";
import type { InputFault } from "../lib/errors.ts";
import { parseTrade } from "../lib/trades/parse-trade.ts";
import { formatTimestamp, parseTimestamp } from "../lib/trades/timestamp.ts";
import type { Trade } from "../lib/trades/trade.ts";

/** What the lines themselves don't say. */
export interface DumpContext {
  readonly symbol: string;
  readonly exchange: string;
  readonly currency: string;
  /** Microseconds since 1970: when the trades are taken in. */
  readonly now: number;
}

/** A trade, or why there is none, or neither for a header or an empty line. */
export type ParsedLine =
  | { readonly trade: Trade; readonly fault?: never }
  | { readonly fault: string; readonly trade?: never }
  | { readonly trade?: never; readonly fault?: never };

/** Quote assets of Binance's spot markets. The longest that fits wins: `BTCFDUSD` is in FDUSD. */
const QUOTE_ASSETS = (
  "USDT BUSD FDUSD TUSD USDC USDP USD1 USDS PAX UST DAI AEUR EURI XUSD BTC ETH BNB XRP TRX DOGE " +
  "SOL DOT VAI BIDR IDRT BKRW BVND NGN RUB TRY EUR ZAR UAH GBP BRL AUD PLN RON ARS JPY MXN CZK " +
  "COP IDR KZT USD"
)
  .split(" ")
  .toSorted((a, b) => b.length - a.length);

/** `BTCUSDT-trades-2021-01-08.csv` → `BTCUSDT`; `undefined` for a name of another form. */
export function symbolOfFileName(name: string): string | undefined {
  return /^([A-Z0-9_]+)-trades-\d{4}-\d{2}(-\d{2})?\.(csv|zip)$/i.exec(name)?.[1]?.toUpperCase();
}

/** `BTCUSDT` → `USDT`, and for futures `BTCUSD_PERP` → `USD`; `undefined` when no known asset fits. */
export function currencyOfSymbol(symbol: string): string | undefined {
  const [pair = ""] = symbol.split("_");
  return QUOTE_ASSETS.find((asset) => pair.endsWith(asset) && pair.length > asset.length);
}

/**
 * Reads one line. Any text gives a result, never an error.
 * @param lineNumber 1 for the file's first line, the only one that may be a header.
 */
export function parseBinanceLine(
  line: string,
  lineNumber: number,
  context: DumpContext,
): ParsedLine {
  if (line.trim() === "") return {};
  if (line.length > MAX_LINE_LENGTH)
    return { fault: `expected a line of at most ${MAX_LINE_LENGTH} characters` };
  const text = lineNumber === 1 ? withoutByteOrderMark(line) : line;
  if (lineNumber === 1 && isHeader(text)) return {};
  const columns = text.split(",");
  const [id = "", price = "", qty = "", , time = "", isBuyerMaker = ""] = columns;
  if (columns.length !== 6 && columns.length !== 7)
    return { fault: `expected 7 columns (or 6, in futures), got ${columns.length}` };
  const timestamp = timestampOf(time);
  if (timestamp === undefined) return { fault: faultOf("time", TIME_EXPECTED, time) };
  const side = sideOf(isBuyerMaker);
  if (side === undefined)
    return { fault: faultOf("is_buyer_maker", "expected True or False", isBuyerMaker) };
  return toTrade({ id, price, qty, timestamp, side }, context);
}

/** Writes a trade as a line of a spot file, with its time in microseconds. Without `\n`. */
export function formatBinanceLine(trade: Trade): string {
  const { trade_id: id, price, quantity, timestamp, side } = trade;
  const quote = new Big(price).times(quantity).toFixed(8);
  const isBuyerMaker = side === "SELL" ? "True" : "False";
  return [id, price, quantity, quote, parseTimestamp(timestamp), isBuyerMaker, "True"].join(",");
}

const TIME_EXPECTED =
  "expected milliseconds (13 digits) or microseconds (16 digits) since 1970, from 2001-09-09 on";

interface Columns {
  readonly id: string;
  readonly price: string;
  readonly qty: string;
  readonly timestamp: string;
  readonly side: "BUY" | "SELL";
}

/** The schema's names for what the file calls otherwise. */
const COLUMN_OF: Readonly<Record<string, keyof Columns>> = {
  "/trade_id": "id",
  "/price": "price",
  "/quantity": "qty",
};

function toTrade(columns: Columns, { symbol, exchange, currency, now }: DumpContext): ParsedLine {
  // The schema takes any token as an id, but in these files it is a number, and trades of one
  // millisecond are put in order by it.
  if (!/^(0|[1-9]\d{0,19})$/.test(columns.id))
    return { fault: faultOf("id", "expected a whole number", columns.id) };
  const { trade, faults } = parseTrade(
    {
      trade_id: columns.id,
      symbol,
      exchange,
      asset_class: "CRYPTO",
      timestamp: columns.timestamp,
      price: columns.price,
      quantity: columns.qty,
      currency,
      side: columns.side,
      source_sequence: columns.id,
    },
    { now },
  );
  if (trade !== undefined) return { trade };
  return {
    fault: faults
      .filter(isFirstOfItsField)
      .map((fault) => describe(fault, columns))
      .join("; "),
  };
}

function describe({ pointer, detail }: InputFault, columns: Columns): string {
  const column = COLUMN_OF[pointer];
  if (column === undefined) return `${pointer.slice(1)}: ${detail}`;
  return faultOf(column, detail, columns[column]);
}

/** What is not even a decimal is not more than zero either; one reason is enough. */
function isFirstOfItsField(fault: InputFault, at: number, faults: readonly InputFault[]): boolean {
  return faults.findIndex((other) => other.pointer === fault.pointer) === at;
}

/** A header names its columns, so its first one begins with a letter; Binance writes `id`. */
function isHeader(line: string): boolean {
  return /^"?(id|trade)/i.test(line);
}

/** Spreadsheets write one before the first line; read as Latin-1 it is three characters. */
function withoutByteOrderMark(line: string): string {
  return line.replace(/^\u00EF\u00BB\u00BF/, "");
}

/**
 * Milliseconds until 2024, microseconds in spot files since 2025-01-01: told apart by their digits.
 * The same 13 and 16 digits are what a timestamp of this service can hold.
 */
function timestampOf(time: string): string | undefined {
  if (/^[1-9]\d{12}$/.test(time)) return formatTimestamp(`${time}000`);
  return /^[1-9]\d{15}$/.test(time) ? formatTimestamp(time) : undefined;
}

/**
 * Side of the taker. Binance gives it as "was the buyer the maker?": if so, the buyer's order was
 * waiting in the book and the seller took it.
 * @see https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md
 */
function sideOf(isBuyerMaker: string): "BUY" | "SELL" | undefined {
  if (/^true$/i.test(isBuyerMaker)) return "SELL";
  return /^false$/i.test(isBuyerMaker) ? "BUY" : undefined;
}

/** Control characters that JSON leaves as they are: to a terminal U+009B is the escape of colours. */
const LATER_CONTROLS = /[\u007f-\u009f]/g;

function escapeCharacter(character: string): string {
  return `\\u00${character.charCodeAt(0).toString(16)}`;
}

/** What was found is shown cut and without control characters, since it goes to a terminal. */
function faultOf(column: string, expected: string, found: string): string {
  const text = found.length > 40 ? `${found.slice(0, 40)}…` : found;
  const shown = JSON.stringify(text).replace(LATER_CONTROLS, escapeCharacter);
  return `${column}: ${expected}, got ${shown}`;
}
