/**
 * The functions' log as people want to see it go by: a short line per request, warnings and errors
 * in full, and no more than a terminal can show.
 */

export interface RequestLinesOptions {
  readonly print: (line: string) => void;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

const MAX_PER_SECOND = 10;

/**
 * Takes the functions' output line by line, whatever it is. At most ten lines a second are printed;
 * how many were left out is told with the next one.
 */
export function showRequests(options: RequestLinesOptions): (line: string) => void {
  const { print, now = () => performance.now() } = options;
  let secondBegan = now();
  let shown = 0;
  return (line) => {
    const text = describeLogLine(line);
    if (text === undefined) return;
    if (now() - secondBegan >= 1_000) {
      if (shown > MAX_PER_SECOND) print(`… and ${shown - MAX_PER_SECOND} more`);
      [secondBegan, shown] = [now(), 0];
    }
    shown += 1;
    if (shown <= MAX_PER_SECOND) print(text);
  };
}

/** One short line; `undefined` for what is no line of the service's own log. */
export function describeLogLine(line: string): string | undefined {
  const entry = parseEntry(line);
  if (entry === undefined) return undefined;
  const time = entry.timestamp.slice(11, 19);
  if (entry.message !== "request") {
    if (entry.level !== "warn" && entry.level !== "error") return undefined;
    return `${time}  ${entry.level}: ${entry.message}${describeError(entry.error)}`;
  }
  const { method, route, status, duration_ms: durationMs } = entry;
  const duration = `${Number(durationMs).toFixed(1)} ms`.padStart(9);
  return `${time}  ${String(status)}  ${duration}  ${String(method)} ${String(route)}${describeError(entry.error)}`;
}

interface LogEntry {
  readonly timestamp: string;
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

function parseEntry(line: string): LogEntry | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry = JSON.parse(line) as LogEntry;
    return typeof entry.timestamp === "string" && typeof entry.message === "string"
      ? entry
      : undefined;
  } catch {
    return undefined;
  }
}

function describeError(error: unknown): string {
  if (typeof error !== "object" || error === null || !("message" in error)) return "";
  return `: ${String(error.message)}`;
}
