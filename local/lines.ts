/**
 * Lines of a byte stream with their numbers and offsets, in a memory that does not grow with the
 * file, whatever it holds.
 */

/** A place between two lines. */
export interface Position {
  /** Bytes before it. */
  readonly bytes: number;
  /** Lines before it. */
  readonly lines: number;
}

export interface Line {
  /**
   * Without its line end; each byte is one character (Latin-1), since the dumps are ASCII. A line
   * longer than `MAX_LINE_LENGTH` is cut just after that length.
   */
  readonly text: string;
  /** 1 for the first line of the file. */
  readonly number: number;
  /** Where the next line begins. */
  readonly end: Position;
}

/** No line of a trades file comes near it. */
export const MAX_LINE_LENGTH = 1_000;

/**
 * Cuts a stream into lines; `\n` and `\r\n` end one, the last needs neither.
 * @param from where the stream's first byte is.
 * @yields the lines of each piece of the stream, together.
 */
export async function* readLines(
  stream: AsyncIterable<Buffer>,
  from: Position = { bytes: 0, lines: 0 },
): AsyncGenerator<readonly Line[]> {
  let { bytes, lines } = from;
  let head = "";
  const line = (text: string): Line => ({
    text: trimEnd(text),
    number: (lines += 1),
    end: { bytes, lines },
  });
  for await (const piece of stream) {
    const text = piece.toString("latin1");
    const found: Line[] = [];
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      bytes += end + 1 - start;
      found.push(line(head + text.slice(start, end)));
      head = "";
      start = end + 1;
    }
    bytes += text.length - start;
    head = (head + text.slice(start)).slice(0, MAX_LINE_LENGTH + 2);
    yield found;
  }
  if (head !== "") yield [line(head)];
}

function trimEnd(text: string): string {
  return (text.endsWith("\r") ? text.slice(0, -1) : text).slice(0, MAX_LINE_LENGTH + 1);
}
