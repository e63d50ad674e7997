/**
 * Command lines: what `node:util` parses, with messages for people and the exit codes all commands
 * share.
 */

import { parseArgs, type ParseArgsConfig } from "node:util";

/** How a command ended: all good; done, but something was not as it should be; could not run. */
export const EXIT = { good: 0, partly: 1, failed: 2, interrupted: 130 } as const;

/** A wrong command line. The message says what was expected. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Parses strictly; unknown options are refused.
 * @throws {UsageError}
 */
export function parseOptions<const Options extends ParseArgsConfig>(
  options: Options,
): ReturnType<typeof parseArgs<Options>> {
  try {
    return parseArgs(options);
  } catch (error) {
    // "Unknown option '--x'. To specify …": the first sentence is enough.
    throw new UsageError((error as Error).message.replace(/\. .*/s, ""));
  }
}

/**
 * A number given as text, or its default.
 * @throws {UsageError} when it is no number from `min` to `max`, both inclusive.
 */
export function numberOption(
  name: string,
  text: string | undefined,
  { min, max, fallback }: { readonly min: number; readonly max: number; readonly fallback: number },
): number {
  if (text === undefined) return fallback;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${name}: expected a number from ${min} to ${max}, got "${text}"`);
}

/**
 * Runs a command and sets the process's exit code. A `UsageError` points to `--help`; of any other
 * error the message is printed alone, since it is meant for people.
 * @param failed exit code after an error. Default 2.
 */
export async function runCommand(
  name: string,
  command: (argv: readonly string[]) => Promise<number>,
  failed: number = EXIT.failed,
): Promise<void> {
  try {
    process.exitCode = await command(process.argv.slice(2));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const hint = error instanceof UsageError ? `\nSee: ${name} --help` : "";
    process.stderr.write(`${message}${hint}\n`);
    process.exitCode = failed;
  }
}
