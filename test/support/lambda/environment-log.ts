/** What one execution environment wrote, and what the stand-in did to it: the newest part, in memory. */

export interface EnvironmentLog {
  /** Adds output as it came; parts of lines are fine. */
  write(chunk: string): void;
  /** Adds a line of the stand-in itself, as Lambda adds its own to a function's log. */
  note(line: string): void;
  /** The newest output, at most twice the limit. */
  text(): string;
}

/** @param maxChars output beyond it pushes out the oldest; default 256 Ki characters. */
export function createEnvironmentLog(maxChars = 256 * 1024): EnvironmentLog {
  let older = "";
  let newer = "";
  const write = (chunk: string) => {
    newer += chunk;
    if (newer.length < maxChars) return;
    older = newer.slice(-maxChars);
    newer = "";
  };
  return {
    write,
    note: (line) => write(`LAMBDA ${line}\n`),
    text: () => older + newer,
  };
}
