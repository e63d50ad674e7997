/**
 * From whatever was sent to a trade in canonical form, or to everything that is wrong with it.
 */

import * as v from "valibot";
import type { InputFault } from "../errors.ts";
import { canonicalDecimal } from "./decimal.ts";
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

/** Names valibot leaves out of records without a word; refused here instead. */
const UNSAFE_NAMES = new Set(["__proto__", "prototype", "constructor"]);

/** Reads one trade, reporting every field that is wrong, missing or unknown. Never throws. */
export function parseTrade(input: unknown, { now, pointer = "" }: ParseTradeOptions): ParsedTrade {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    return { faults: [{ pointer, detail: "expected a trade: a JSON object" }] };
  const result = v.safeParse(TradeInput, input);
  const faults = [...faultsOfNames(input), ...faultsOfIssues(result.issues ?? [])];
  if (!result.success || faults.length > 0)
    return { faults: faults.map((fault) => ({ ...fault, pointer: pointer + fault.pointer })) };
  return { trade: toCanonical(result.output, now) };
}

function toCanonical(input: v.InferOutput<typeof TradeInput>, now: number): Trade {
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

/** The schema has already found the text to be a timestamp. */
function canonicalTimestamp(text: string): string {
  return formatTimestamp(parseTimestamp(text) ?? text);
}

function faultsOfNames(input: object): InputFault[] {
  const fields = Object.keys(input)
    .filter((name) => !Object.hasOwn(TradeInput.entries, name))
    .map((name) => ({ pointer: pointerTo(name), detail: detailOfUnknown(name) }));
  const vendorData: unknown = "vendor_data" in input ? input.vendor_data : undefined;
  const names = Object.keys(vendorData ?? {})
    .filter((name) => UNSAFE_NAMES.has(name))
    .map((name) => ({ pointer: pointerTo("vendor_data", name), detail: "this name is reserved" }));
  return [...fields, ...names];
}

function detailOfUnknown(name: string): string {
  return name === "platform_sequence"
    ? "platform_sequence is given by the service when it records the trade, so it can't be sent"
    : `unknown field; known are ${Object.keys(TradeInput.entries).join(", ")}`;
}

/** Unknown fields are left out, since the schema stops at the first of them. */
function faultsOfIssues(issues: readonly v.BaseIssue<unknown>[]): InputFault[] {
  return issues
    .filter((issue) => !(issue.type === "strict_object" && issue.expected === "never"))
    .map((issue) => ({
      pointer: pointerTo(...(issue.path ?? []).map((item) => String(item.key))),
      detail: issue.type === "strict_object" ? "required, but missing" : issue.message,
    }));
}

function pointerTo(...names: readonly string[]): string {
  return names.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
