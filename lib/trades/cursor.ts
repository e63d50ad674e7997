/**
 * Cursors: where a page of trades ended, in a form that callers hand back unread. Nothing in one
 * comes from DynamoDB but the sort key, so it outlives any change of shards.
 */

import { hash } from "node:crypto";
import { parseTradeSortKey } from "./keys.ts";
import type { Micros16 } from "./timestamp.ts";

/** What a cursor belongs to; the limit may change from page to page. */
export interface CursorFilters {
  readonly symbol?: string;
  readonly exchange?: string;
  readonly startTime?: Micros16;
  readonly endTime?: Micros16;
}

/** For messages: what a cursor must be. */
export const CURSOR_EXPECTED = "expected a next_cursor of an earlier page";

const VERSION = 1;
const MAX_LENGTH = 400;

/** @param position sort key of the last trade that was passed, or a time, with `~` for its end. */
export function encodeCursor(filters: CursorFilters, position: string): string {
  return encode({ fingerprint: fingerprint(filters), position });
}

/** True for what `encodeCursor` makes, whatever the filters. */
export function isCursor(text: string): boolean {
  return parseContent(text) !== undefined;
}

/** Reads a cursor back; `fault` says what is wrong with it. */
export function decodeCursor(
  filters: CursorFilters,
  cursor: string,
):
  | { readonly position: string; readonly fault?: never }
  | { readonly fault: string; readonly position?: never } {
  const content = parseContent(cursor);
  if (content === undefined) return { fault: CURSOR_EXPECTED };
  const { startTime, endTime } = filters;
  if (content.fingerprint !== fingerprint(filters))
    return { fault: "belongs to other symbol, exchange, start_time or end_time than these" };
  if (content.position < (startTime ?? "") || content.position > (endTime ?? ":"))
    return { fault: "lies outside start_time and end_time" };
  return { position: content.position };
}

interface Content {
  readonly fingerprint: string;
  readonly position: string;
}

function encode({ fingerprint, position }: Content): string {
  return Buffer.from(JSON.stringify([VERSION, fingerprint, position])).toString("base64url");
}

/** One content has one cursor: what would be read the same but is written otherwise is none. */
function parseContent(cursor: string): Content | undefined {
  const text = Buffer.from(cursor.slice(0, MAX_LENGTH), "base64url").toString();
  try {
    const parts: unknown = JSON.parse(text);
    if (!Array.isArray(parts)) return undefined;
    const [, fingerprint, position] = parts.map(String);
    if (fingerprint === undefined || position === undefined || !isPosition(position))
      return undefined;
    const content = { fingerprint, position };
    return encode(content) === cursor ? content : undefined;
  } catch {
    return undefined;
  }
}

function isPosition(text: string): boolean {
  return /^[1-9]\d{15}~?$/.test(text) || parseTradeSortKey(text) !== undefined;
}

function fingerprint({ symbol, exchange, startTime, endTime }: CursorFilters): string {
  const filters = [symbol, exchange, startTime, endTime].map((filter) => filter ?? null);
  return hash("sha256", JSON.stringify(filters), "base64url").slice(0, 11);
}
