/**
 * From a record of the trades topic to its trade, or to why it can never become one.
 */

import { headersOf, type KafkaEventRecord } from "./kafka-event.ts";
import { parseTrade } from "./parse-trade.ts";
import { RECORD_HEADERS, SCHEMA_VERSION } from "./topic-record.ts";
import type { Trade } from "./trade.ts";

/**
 * What keeps a record from ever becoming a trade, however often it is delivered: it has no value;
 * it is larger than any trade can be; it is of a form that this reader does not know; it is not JSON
 * in UTF-8; it is JSON but not a trade; it says other than what is recorded under the same identity.
 */
export const POISON_REASONS = [
  "tombstone",
  "oversize",
  "unknown_version",
  "not_json",
  "invalid_trade",
  "conflict",
] as const;

export interface Poison {
  readonly reason: (typeof POISON_REASONS)[number];
  /** For people: what was found, and what was expected. */
  readonly detail: string;
}

export type DecodedTrade =
  | { readonly trade: Trade; readonly poison?: never }
  | { readonly poison: Poison; readonly trade?: never };

/** No trade's JSON is as long, even with every character escaped. */
export const MAX_VALUE_BYTES = 65_536;

/** Base64 has four characters for three bytes. */
const MAX_VALUE_BASE64 = Math.ceil(MAX_VALUE_BYTES / 3) * 4;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Decodes a record. Never throws. @param now microseconds since the epoch, for `parseTrade`. */
export function decodeTrade(record: KafkaEventRecord, now: number): DecodedTrade {
  const base64 = record.value ?? "";
  if (base64 === "") return poison("tombstone", "no value; expected a trade as JSON");
  if (base64.length > MAX_VALUE_BASE64) {
    const bytes = Buffer.byteLength(base64, "base64");
    return poison("oversize", `${bytes} bytes; expected at most ${MAX_VALUE_BYTES}`);
  }
  const version = headersOf(record).get(RECORD_HEADERS.schemaVersion)?.toString();
  // Records of others come without; what they mean is found out by reading them.
  if (version !== undefined && version !== SCHEMA_VERSION)
    return poison(
      "unknown_version",
      `${RECORD_HEADERS.schemaVersion} ${JSON.stringify(version.slice(0, 32))}; expected ${SCHEMA_VERSION}`,
    );
  return decodeValue(Buffer.from(base64, "base64"), now);
}

function decodeValue(value: Buffer, now: number): DecodedTrade {
  let input: unknown;
  try {
    input = JSON.parse(utf8.decode(value));
  } catch (error) {
    return poison("not_json", `expected JSON in UTF-8: ${(error as Error).message}`);
  }
  const { trade, faults } = parseTrade(input, { now });
  if (trade !== undefined) return { trade };
  const texts = faults.map(({ pointer, detail }) =>
    pointer === "" ? detail : `${pointer}: ${detail}`,
  );
  return poison("invalid_trade", texts.join("; "));
}

function poison(reason: Poison["reason"], detail: string): DecodedTrade {
  return { poison: { reason, detail } };
}
