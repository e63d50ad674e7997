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
  const content = JSON.stringify([VERSION, fingerprint(filters), position]);
  return Buffer.from(content).toString("base64url");
}

/** True for what `encodeCursor` makes, whatever the filters. */
export function isCursor(text: string): boolean {
  return parseContent(text) !== undefined;
}

/** Reads a cursor back; `fault` says what is wrong with it. */
export function decodeCursor(
  filters: CursorFilters,
  cursor: string,
): { readonly position: string; readonly fault?: never } | { readonly fault: string } {
  const content = parseContent(cursor);
  if (content === undefined) return { fault: CURSOR_EXPECTED };
  const { startTime, endTime } = filters;
  if (content.fingerprint !== fingerprint(filters))
    return { fault: "belongs to other symbol, exchange, start_time or end_time than these" };
  if (content.position < (startTime ?? "") || content.position > (endTime ?? ":"))
    return { fault: "lies outside start_time and end_time" };
  return { position: content.position };
}

function parseContent(cursor: string) {
  const content = Buffer.from(cursor.slice(0, MAX_LENGTH), "base64url");
  if (content.toString("base64url") !== cursor) return undefined;
  try {
    const parts: unknown = JSON.parse(content.toString());
    if (!Array.isArray(parts) || parts[0] !== VERSION) return undefined;
    const [fingerprint, position] = parts.slice(1).map(String);
    return position !== undefined && isPosition(position) ? { fingerprint, position } : undefined;
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
