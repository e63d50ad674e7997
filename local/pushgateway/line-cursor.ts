/**
 * A cursor over one line of the text format, for what can stand in one: names, quoted text, tokens.
 */

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;

/** Blanks between tokens, for `take`. */
export const BLANKS = /[ \t]*/y;

export interface Cursor {
  isAtEnd(): boolean;
  /** The next character, empty at the end. */
  peek(): string;
  /** What a sticky pattern matches here, perhaps nothing. */
  take(pattern: RegExp): string;
  /** A name, quoted or not; empty when there is none. */
  takeName(): string;
  /** What stands between quotes, unescaped. */
  takeQuoted(): string;
  rest(): string;
}

export function openCursor(line: string): Cursor {
  let at = 0;
  const peek = () => line.charAt(at);
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const [text = ""] = pattern.exec(line) ?? [];
    at += text.length;
    return text;
  };
  const takeQuoted = () => {
    if (peek() !== '"') throw expected("'\"'", peek());
    let end = at + 1;
    while (end < line.length && line[end] !== '"') end += line[end] === "\\" ? 2 : 1;
    if (end >= line.length) throw expected("a closing quote", "the end of the line");
    const text = unescape(line.slice(at + 1, end));
    at = end + 1;
    return text;
  };
  return {
    isAtEnd: () => at === line.length,
    peek,
    take,
    takeName: () => (peek() === '"' ? takeQuoted() : take(NAME)),
    takeQuoted,
    rest: () => line.slice(at),
  };
}

/** Resolves `\\`, `\"` and `\n`. @throws {Error} for any other escape. */
export function unescape(text: string): string {
  return text.replace(/\\(.?)/gs, (escape, character: string) => {
    if (character === "n") return "\n";
    if (character === "\\" || character === '"') return character;
    throw expected('an escape of \\, " or n', escape);
  });
}

/** @throws {Error} for what is no metric name of the classic format. */
export function checkMetricName(name: string): string {
  if (!METRIC_NAME.test(name)) throw expected("a metric name", name);
  return name;
}

export function expected(what: string, got: string): Error {
  return new Error(`expected ${what}, got ${JSON.stringify(got)}`);
}
