/**
 * One sample line of the Prometheus text format: `name{label="value"} value timestamp`, or with the
 * name inside the braces: `{"name",label="value"} value`.
 */

import { parseGoNumber } from "./go-number.ts";
import { BLANKS, checkMetricName, expected, openCursor, type Cursor } from "./line-cursor.ts";

export interface SampleLine {
  readonly name: string;
  /** In the order in which they are written; a name may come twice. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
  readonly hasTimestamp: boolean;
}

const LABEL_NAME = /^(?!__name__$)[a-zA-Z_][a-zA-Z0-9_]*$/;
const TOKEN = /[^ \t]*/y;

/**
 * Reads a line without its line feed.
 * @throws {Error} that says what was expected.
 */
export function parseSampleLine(line: string): SampleLine {
  const cursor = openCursor(line);
  cursor.take(BLANKS);
  const isNameInside = cursor.peek() === "{";
  const outside = isNameInside ? undefined : checkMetricName(cursor.takeName());
  cursor.take(BLANKS);
  const { inside, labels } = cursor.peek() === "{" ? parseBraces(cursor, isNameInside) : NOTHING;
  cursor.take(BLANKS);
  const text = cursor.take(TOKEN);
  const value = parseGoNumber(text);
  if (value === undefined) throw expected("float as value", text);
  const hasTimestamp = !cursor.isAtEnd();
  if (hasTimestamp) checkTimestamp(cursor);
  return { name: outside ?? checkMetricName(inside ?? ""), labels, value, hasTimestamp };
}

interface Braces {
  /** The metric's name, when it is among the labels. */
  readonly inside: string | undefined;
  readonly labels: readonly (readonly [name: string, value: string])[];
}

const NOTHING: Braces = { inside: undefined, labels: [] };

function parseBraces(cursor: Cursor, mayHoldName: boolean): Braces {
  let inside: string | undefined;
  const labels: (readonly [string, string])[] = [];
  cursor.take(/\{/y);
  for (;;) {
    cursor.take(BLANKS);
    if (cursor.take(/\}/y) !== "") return { inside, labels };
    const name = cursor.takeName();
    cursor.take(BLANKS);
    if (cursor.take(/=/y) !== "") {
      cursor.take(BLANKS);
      if (!LABEL_NAME.test(name)) throw expected("a label name", name);
      labels.push([name, cursor.takeQuoted()]);
    } else if (mayHoldName && inside === undefined) inside = checkMetricName(name);
    else throw expected("'=' after a label name", cursor.peek());
    cursor.take(BLANKS);
    if (cursor.take(/,/y) === "" && cursor.peek() !== "}")
      throw expected("',' or '}'", cursor.peek());
  }
}

function checkTimestamp(cursor: Cursor): void {
  cursor.take(BLANKS);
  const text = cursor.take(TOKEN);
  const isInteger = /^[+-]?\d{1,18}$/.test(text) && cursor.isAtEnd();
  if (!isInteger) throw expected("an integer as timestamp", text + cursor.rest());
}
