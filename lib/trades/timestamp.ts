/**
 * Points in time with microseconds, kept as text of 16 digits: text sorts as the times do, fits a
 * sort key, and never meets a float.
 */

/**
 * Microseconds since 1970-01-01T00:00:00Z in exactly 16 digits, so from 2001-09-09T01:46:40Z to
 * 2286-11-20T17:46:39.999999Z.
 */
export type Micros16 = string;

/** A UTC day as `YYYYMMDD`. */
export type Day = string;

/** What a timestamp must look like; part of the schema, so of the OpenAPI document. */
export const TIMESTAMP_PATTERN =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** For messages: what `parseTimestamp` takes. */
export const TIMESTAMP_EXPECTED =
  "an ISO 8601 time with Z or an offset and at most 6 digits after the second, between " +
  "2001-09-09T01:46:40Z and 2286-11-20T17:46:39.999999Z, such as 2021-01-08T00:00:00.278000Z";

/**
 * Reads an ISO 8601 date and time. The fraction has 0 to 6 digits, the zone is `Z` or `±hh:mm`.
 * @returns undefined when the form is another, the date is not in the calendar, or the time is
 *   outside what 16 digits hold.
 */
export function parseTimestamp(text: string): Micros16 | undefined {
  const match = TIMESTAMP_PATTERN.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", sign, ...zone] = match;
  const local = dateMillis([year, month, day, hour, minute, second]);
  const offset = offsetMillis(sign, zone);
  if (local === undefined || offset === undefined) return undefined;
  const micros = fraction.padEnd(6, "0");
  const millis = local - offset + Number(micros.slice(0, 3));
  const digits = `${millis}${micros.slice(3)}`;
  return /^[1-9]\d{15}$/.test(digits) ? digits : undefined;
}

/**
 * Reads a time in the form that `formatTimestamp` writes, in a fraction of the time that any form
 * takes.
 * @throws {TypeError} when it is in another.
 */
export function microsOf(timestamp: string): Micros16 {
  const digits = `${Date.parse(`${timestamp.slice(0, 23)}Z`)}${timestamp.slice(23, -1)}`;
  if (timestamp.length !== 27 || !/^[1-9]\d{15}$/.test(digits))
    throw new TypeError(`not a canonical timestamp: ${timestamp}`);
  return digits;
}

/** Writes a time as ISO 8601 in UTC with six digits and `Z`. */
export function formatTimestamp(time: Micros16): string {
  const millis = new Date(Number(time.slice(0, 13))).toISOString();
  return `${millis.slice(0, -1)}${time.slice(13)}Z`;
}

/** The UTC day that a time falls on. */
export function dayOf(time: Micros16): Day {
  return dayOfTimestamp(formatTimestamp(time));
}

/** The UTC day of a time in the form that `formatTimestamp` writes. */
export function dayOfTimestamp(timestamp: string): Day {
  return timestamp.slice(0, 4) + timestamp.slice(5, 7) + timestamp.slice(8, 10);
}

/** Text that sorts above every sort key of a UTC day and below those of later days. */
export function endOfDay(day: Day): string {
  const [year = 0, month = 0, date = 0] = [day.slice(0, 4), day.slice(4, 6), day.slice(6)].map(
    Number,
  );
  const lastMillis = Date.UTC(year, month - 1, date + 1) - 1;
  return `${Math.min(lastMillis, 9_999_999_999_999)}999~`;
}

/** Reads a calendar day `YYYY-MM-DD`; undefined when there is no such day. */
export function parseDay(text: string): Day | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day] = match;
  const millis = dateMillis([year, month, day, "00", "00", "00"]);
  return millis === undefined ? undefined : text.replaceAll("-", "");
}

/** Writes a day as `YYYY-MM-DD`. */
export function formatDay(day: Day): string {
  return `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
}

/** Milliseconds of a date and time in UTC; undefined when the calendar or the clock has no such one. */
function dateMillis(parts: readonly (string | undefined)[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
  const millis = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(millis);
  const isReal =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  return isReal ? millis : undefined;
}

function offsetMillis(
  sign: string | undefined,
  zone: readonly (string | undefined)[],
): number | undefined {
  if (sign === undefined) return 0;
  const [hours = 0, minutes = 0] = zone.map(Number);
  if (hours > 23 || minutes > 59) return undefined;
  return (sign === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
