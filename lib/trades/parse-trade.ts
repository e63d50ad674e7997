/**
 * From whatever was sent to a trade in canonical form, or to everything that is wrong with it.
 */

import type { InferOutput } from "valibot";
import type { InputFault } from "../errors.ts";
import { canonicalDecimal } from "./decimal.ts";
import { checkObject, pointerTo } from "./input-faults.ts";
import { messageIdOf } from "./message-id.ts";
import { formatTimestamp, parseTimestamp } from "./timestamp.ts";
import { type Trade, TradeInput } from "./trade.ts";

export type ParsedTrade =
  | { readonly trade: Trade; readonly faults?: never }
  | { readonly faults: readonly InputFault[]; readonly trade?: never };

export interface ParseTradeOptions {
  /** Microseconds since the epoch; becomes `ingestion_timestamp` when none was sent. */
  readonly now: number;
  /** JSON Pointer of the trade in the body, put before each fault's own, such as `/3`. Default: none. */
  readonly pointer?: string;
}

const CANONICAL_TIMESTAMP_LENGTH = "2021-01-08T00:00:00.278000Z".length;

/** Most faults told of one trade, so that a list of them stays within what answers and batches hold. */
const MAX_FAULTS = 20;

/** Names valibot leaves out of records without a word; refused here instead. */
const UNSAFE_NAMES = new Set(["__proto__", "prototype", "constructor"]);

/**
 * Reads one trade, reporting every field that is wrong, missing or unknown, up to 20 of them and how
 * many more there are. Never throws.
 */
export function parseTrade(input: unknown, { now, pointer = "" }: ParseTradeOptions): ParsedTrade {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    return { faults: [{ pointer, detail: "expected a trade: a JSON object" }] };
  const checked = checkObject(TradeInput, input);
  const faults = [...checked.faults.map(explain), ...faultsOfVendorData(input)];
  if (checked.output === undefined || faults.length > 0)
    return { faults: bounded(faults, pointer) };
  return { trade: toCanonical(checked.output, now) };
}

function toCanonical(input: InferOutput<typeof TradeInput>, now: number): Trade {
  const { source_sequence, ingestion_timestamp } = input;
  return {
    message_id: input.message_id ?? messageIdOf(input),
    trade_id: input.trade_id,
    symbol: input.symbol,
    exchange: input.exchange,
    asset_class: input.asset_class,
    timestamp: canonicalTimestamp(input.timestamp),
    price: canonicalDecimal(input.price),
    quantity: canonicalDecimal(input.quantity),
    currency: input.currency,
    side: input.side,
    trade_conditions: input.trade_conditions,
    ...(source_sequence === undefined ? {} : { source_sequence }),
    ingestion_timestamp:
      ingestion_timestamp === undefined
        ? formatTimestamp(String(now))
        : canonicalTimestamp(ingestion_timestamp),
    vendor_data: input.vendor_data,
  };
}

function bounded(faults: readonly InputFault[], pointer: string): readonly InputFault[] {
  const shown = faults
    .slice(0, MAX_FAULTS)
    .map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
  const left = faults.length - shown.length;
  return left === 0 ? shown : [...shown, { pointer, detail: `and ${left} faults more` }];
}

/** The schema has found the text to be a timestamp; one of this length in UTC has its six digits. */
function canonicalTimestamp(text: string): string {
  const isCanonical = text.length === CANONICAL_TIMESTAMP_LENGTH && text.endsWith("Z");
  return isCanonical ? text : formatTimestamp(parseTimestamp(text) ?? text);
}

function explain(fault: InputFault): InputFault {
  return fault.pointer === "/platform_sequence"
    ? { ...fault, detail: "can't be sent: the service gives it when it records the trade" }
    : fault;
}

/** What the schema does not see: it takes a list for a record, and leaves some names out. */
function faultsOfVendorData(input: object): InputFault[] {
  const data: unknown = "vendor_data" in input ? input.vendor_data : undefined;
  if (Array.isArray(data))
    return [{ pointer: "/vendor_data", detail: "expected an object of texts" }];
  return Object.keys(data ?? {})
    .filter((name) => UNSAFE_NAMES.has(name))
    .map((name) => ({ pointer: pointerTo("vendor_data", name), detail: "this name is reserved" }));
}
