/**
 * The form of a record in the trades topic, which is a promise to everyone who reads or writes it:
 * key = symbol, value = the trade as JSON, just as the API takes it.
 */

import type { Trade } from "./trade.ts";

/** What is produced to a topic. */
export interface TopicRecord {
  /** Records of one key keep their order; null: in any order, in any partition. */
  readonly key: string | Uint8Array | null;
  /** null: a tombstone. */
  readonly value: Uint8Array | null;
  /** Values in UTF-8. */
  readonly headers: Readonly<Record<string, string | Uint8Array>>;
}

/** Names of the headers that every record of ours has. */
export const RECORD_HEADERS = {
  /** The `x-correlation-id` of the request that brought the trade. */
  correlationId: "correlation-id",
  /** `SCHEMA_VERSION` of the value. */
  schemaVersion: "schema-version",
} as const;

/** Goes up when a reader of the former form could not read the new one. */
export const SCHEMA_VERSION = "1";

/** A trade as a record: all trades of a symbol go to one partition, in the order they are produced. */
export function encodeTrade(
  trade: Trade,
  { correlationId }: { readonly correlationId: string },
): TopicRecord {
  return {
    key: trade.symbol,
    value: Buffer.from(JSON.stringify(trade)),
    headers: {
      [RECORD_HEADERS.correlationId]: correlationId,
      [RECORD_HEADERS.schemaVersion]: SCHEMA_VERSION,
    },
  };
}
