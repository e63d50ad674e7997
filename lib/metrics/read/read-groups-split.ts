/**
 * Cuts the Pushgateway's JSON answer into its groups while it arrives, so that no more than one of
 * them is held in memory, however many there are.
 */

/** A Pushgateway of 5,000 groups with 100 series each answers with 0.1 GB. */
const MAX_ANSWER_BYTES = 2 ** 30;
/** A group is some hundred series of some hundred bytes. */
const MAX_GROUP_BYTES = 2 ** 24;
const MAX_ENVELOPE_LENGTH = 2 ** 12;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Depth between the groups, inside `{"data":[`. */
const BETWEEN_GROUPS = 2;

/**
 * Yields each element of `data` in `{"status":"success","data":[{…},{…}]}`, as JSON text.
 * @throws {Error} when the answer is of another shape, ends early or is larger than 1 GiB, or one
 *   group is larger than 16 MiB.
 */
export async function* splitGroups(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const scanner = createScanner();
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`an answer of over ${MAX_ANSWER_BYTES} bytes`);
    yield* scanner.scan(chunk);
  }
  scanner.end();
}

interface Scanner {
  /** The groups that end in this chunk. */
  scan(chunk: Buffer): readonly string[];
  /** @throws {Error} when what was scanned is not one whole answer. */
  end(): void;
}

/** Follows strings and brackets only; what is between them is for JSON.parse. */
function createScanner(): Scanner {
  let [depth, isInString, isEscaped] = [0, false, false];
  let parts: Buffer[] = [];
  let partBytes = 0;
  let envelope = "";

  function keep(part: Buffer): void {
    partBytes += part.length;
    if (partBytes > MAX_GROUP_BYTES) throw new Error(`a group of over ${MAX_GROUP_BYTES} bytes`);
    parts.push(part);
  }

  function takeGroup(): string {
    const text = parts.length === 1 ? String(parts[0]) : Buffer.concat(parts).toString();
    parts = [];
    partBytes = 0;
    return text;
  }

  /** Takes what is in no group. */
  function putAside(byte: number): void {
    envelope += String.fromCharCode(byte);
    if (envelope.length > MAX_ENVELOPE_LENGTH) throw notAnAnswer(envelope);
  }

  function scan(chunk: Buffer): readonly string[] {
    const groups: string[] = [];
    let start = 0;
    // Local, since this loop sees every byte of an answer of up to 0.1 GB.
    let [at, inString, escaped] = [depth, isInString, isEscaped];
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i] ?? 0;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) {
        if (at === BETWEEN_GROUPS) start = i;
        at += 1;
      } else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) {
        at -= 1;
        if (at === BETWEEN_GROUPS) {
          keep(chunk.subarray(start, i + 1));
          groups.push(takeGroup());
          continue;
        }
      } else if (byte === COMMA && at === BETWEEN_GROUPS) continue;
      if (at <= BETWEEN_GROUPS) putAside(byte);
    }
    if (at > BETWEEN_GROUPS) keep(chunk.subarray(start));
    [depth, isInString, isEscaped] = [at, inString, escaped];
    return groups;
  }

  function end(): void {
    if (depth > 0) throw new Error("the answer ends in the middle");
    if (!isEmptyAnswer(envelope)) throw notAnAnswer(envelope);
  }

  return { scan, end };
}

/** Whether that is a successful answer, once its groups are cut out. */
function isEmptyAnswer(envelope: string): boolean {
  try {
    const { status, data } = JSON.parse(envelope) as { status?: unknown; data?: unknown };
    return status === "success" && Array.isArray(data) && data.length === 0;
  } catch {
    return false;
  }
}

function notAnAnswer(envelope: string): Error {
  return new Error(`an answer that begins ${JSON.stringify(envelope.slice(0, 100))}`);
}
