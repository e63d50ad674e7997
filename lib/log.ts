/**
 * Structured logs: one JSON object a line on stdout, as Lambda's log format JSON has it.
 */

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to each line. */
  with(fields: LogFields): Log;
}

export interface LogOptions {
  /** Lines below it are dropped. Default `info`. */
  readonly level?: LogLevel;
  /** Fields of every line. */
  readonly fields?: LogFields;
  /** Where a line goes, newline included. Default: standard output. */
  readonly write?: (line: string) => void;
}

const SEVERITY = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const;

/**
 * Makes a log. Errors among the fields are written with name, code, message, stack, causes and, of
 * an AggregateError, its parts. Logging never throws, whatever the fields hold.
 */
export function createLog(options: LogOptions = {}): Log {
  const {
    level = "info",
    fields = {},
    write = (line) => void process.stdout.write(line),
  } = options;
  const at = (lineLevel: Exclude<LogLevel, "silent">) => (message: string, more?: LogFields) => {
    if (SEVERITY[lineLevel] < SEVERITY[level]) return;
    const head = { timestamp: new Date().toISOString(), level: lineLevel, message };
    write(`${render(head, { ...fields, ...more })}\n`);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (more) => createLog({ level, write, fields: { ...fields, ...more } }),
  };
}

/** The line's own members win over fields of the same name; fields that can't be JSON are left out. */
function render(head: LogFields, fields: LogFields): string {
  try {
    return JSON.stringify({ ...head, ...fields, ...head }, readable);
  } catch (error) {
    return JSON.stringify({ ...head, log_error: String(error) });
  }
}

/** Values that JSON has no form for. Of an error, what helps to find its cause. */
function readable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  const code = "code" in value ? value.code : undefined;
  const errors = value instanceof AggregateError ? (value.errors as unknown) : undefined;
  return { name, code, message, stack, cause, errors };
}
