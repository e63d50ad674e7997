/**
 * The trade: one schema that gives its types, its validation and its part of the OpenAPI document.
 */

import * as v from "valibot";
import { DECIMAL_PATTERN, isPositive } from "./decimal.ts";
import { parseTimestamp, TIMESTAMP_EXPECTED, TIMESTAMP_PATTERN } from "./timestamp.ts";

const MAX_VENDOR_DATA_BYTES = 2048;

/** A symbol as its exchange writes it: `BTCUSDT`, `BRK.B`, `EUR/USD`. */
export const SymbolCode = code(
  /^[A-Z0-9][A-Z0-9._/-]{0,31}$/,
  "1 to 32 of A-Z 0-9 . _ / - beginning with a letter or digit",
  { description: "Symbol as the exchange writes it, in capitals.", example: "BTCUSDT" },
);

/** The code of an exchange: `BINANCE`, `XNAS`. */
export const ExchangeCode = code(
  /^[A-Z0-9][A-Z0-9._/-]{0,31}$/,
  "1 to 32 of A-Z 0-9 . _ / - beginning with a letter or digit",
  { description: "Code of the exchange, in capitals.", example: "BINANCE" },
);

/** Side of the order that took liquidity. */
export const Side = v.pipe(
  v.picklist(["BUY", "SELL", "SELL_SHORT", "UNKNOWN"], "expected BUY, SELL, SELL_SHORT or UNKNOWN"),
  v.description("Side of the order that took liquidity."),
  v.examples(["BUY"]),
);

/** Served times: in UTC, with six digits. */
const CANONICAL_TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
/** Served decimals: without leading zeros, with eight digits after the point. */
const CANONICAL_DECIMAL = /^(?:0|[1-9]\d{0,9})\.\d{8}$/;

const MADE_AT = "When the exchange made the trade.";
const PRICE = { description: "Price of one unit.", example: "39432.48000000" };
const QUANTITY = { description: "Units traded.", example: "0.00026300" };

const required = {
  trade_id: token({
    description: "The exchange's own number for the trade; unique per exchange and symbol.",
    example: "553287559",
  }),
  symbol: SymbolCode,
  exchange: ExchangeCode,
  asset_class: code(/^[A-Z][A-Z0-9_]{0,31}$/, "1 to 32 of A-Z 0-9 _ beginning with a letter", {
    description: "Class of what was traded.",
    example: "CRYPTO",
  }),
  timestamp: timestamp(MADE_AT),
  price: decimal(PRICE),
  quantity: decimal(QUANTITY),
  currency: code(/^[A-Z][A-Z0-9]{1,11}$/, "2 to 12 of A-Z 0-9 beginning with a letter", {
    description: "Currency of the price.",
    example: "USDT",
  }),
};

const messageId = token({
  description:
    "Id of the message that brought the trade. Default: a UUID made from exchange, symbol and trade id.",
  example: "0d9c1b5e-6f0a-5a57-8a6b-1f2f3a4b5c6d",
});

const conditions = v.pipe(
  v.array(
    v.pipe(
      v.string("expected text"),
      // Beyond the basic plane JavaScript and JSON Schema count characters differently.
      v.regex(
        // eslint-disable-next-line no-control-regex -- whatever else a text may hold
        /^[\u0000-\uD7FF\uE000-\uFFFF]{1,32}$/,
        "expected 1 to 32 characters of Unicode's basic plane",
      ),
      v.check((text) => text.isWellFormed(), "expected well-formed Unicode"),
    ),
    "expected a list of texts",
  ),
  v.maxLength(16, "expected at most 16 conditions"),
  v.description("Condition codes of the exchange, in its order."),
  v.examples([["REGULAR"]]),
);

const sourceSequence = code(
  /^(0|[1-9]\d{0,19})$/,
  "a whole number of at most 20 digits in a string",
  { description: "Sequence number the source gave the trade.", example: "90210" },
);

const vendorData = v.pipe(
  v.record(
    v.pipe(
      v.string(),
      v.regex(
        /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
        "expected a name of 1 to 64 of A-Z a-z 0-9 _ . -",
      ),
    ),
    v.pipe(
      v.string("expected text"),
      v.check((text) => text.isWellFormed(), "expected well-formed Unicode"),
    ),
    "expected an object of texts",
  ),
  v.check(
    (data) => Buffer.byteLength(JSON.stringify(data)) <= MAX_VENDOR_DATA_BYTES,
    `expected at most ${MAX_VENDOR_DATA_BYTES} bytes as JSON`,
  ),
  v.description(`What else the vendor said, at most ${MAX_VENDOR_DATA_BYTES} bytes as JSON.`),
  v.examples([{ is_best_match: "true" }]),
);

/** A trade as it may be sent. Unknown fields are refused, so that nothing is lost silently. */
export const TradeInput = v.strictObject({
  ...required,
  side: v.optional(Side, "UNKNOWN"),
  message_id: v.optional(messageId),
  trade_conditions: v.optional(conditions, []),
  source_sequence: v.optional(sourceSequence),
  ingestion_timestamp: v.optional(timestamp("When the service took the trade in. Default: now.")),
  vendor_data: v.optional(vendorData, {}),
});

/** A trade as it is served, in canonical form: decimals with scale 8, times in UTC with six digits. */
export const RecordedTrade = v.object({
  message_id: messageId,
  ...required,
  timestamp: timestamp(MADE_AT, { pattern: CANONICAL_TIMESTAMP }),
  price: decimal(PRICE, CANONICAL_DECIMAL),
  quantity: decimal(QUANTITY, CANONICAL_DECIMAL),
  side: Side,
  trade_conditions: conditions,
  source_sequence: v.optional(sourceSequence),
  ingestion_timestamp: timestamp("When the service took the trade in.", {
    pattern: CANONICAL_TIMESTAMP,
  }),
  platform_sequence: code(/^[1-9]\d{0,19}$/, "a whole number in a string", {
    description: "Place of the trade in the order this service recorded its symbol: 1, 2, 3…",
    example: "1",
  }),
  vendor_data: vendorData,
});

/** A recorded trade in canonical form. */
export type RecordedTrade = v.InferOutput<typeof RecordedTrade>;

/** A valid trade in canonical form, not yet recorded, so without its `platform_sequence`. */
export type Trade = Omit<RecordedTrade, "platform_sequence">;

interface Meaning<T = string> {
  readonly description: string;
  readonly example: T;
}

function code(pattern: RegExp, expected: string, meaning: Meaning) {
  return v.pipe(
    v.string(`expected ${expected}`),
    v.regex(pattern, `expected ${expected}`),
    v.description(meaning.description),
    v.examples([meaning.example]),
  );
}

function token(meaning: Meaning) {
  return code(
    /^[!-"$-~]{1,64}$/,
    "1 to 64 printable ASCII characters other than space and #",
    meaning,
  );
}

function decimal(meaning: Meaning, pattern = DECIMAL_PATTERN) {
  return v.pipe(
    v.string((issue) =>
      typeof issue.input === "number"
        ? "expected a decimal in a string: a JSON number has been through a float, which may have changed it"
        : "expected a decimal in a string",
    ),
    v.regex(pattern, "expected 1 to 10 digits, and after a point 1 to 8 more"),
    v.check(isPositive, "expected more than zero"),
    v.description(meaning.description),
    v.examples([meaning.example]),
  );
}

/** A timestamp with microseconds, in a schema. */
export function timestamp(
  description: string,
  { pattern = TIMESTAMP_PATTERN, example = "2021-01-08T00:00:00.278000Z" } = {},
) {
  return v.pipe(
    v.string(`expected ${TIMESTAMP_EXPECTED}`),
    v.regex(pattern, `expected ${TIMESTAMP_EXPECTED}`),
    v.check((text) => parseTimestamp(text) !== undefined, `expected ${TIMESTAMP_EXPECTED}`),
    v.description(description),
    v.examples([example]),
  );
}
