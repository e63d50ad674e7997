/**
 * Child processes: started with a name, logged, watched and ended. A child lives as long as its
 * standard input is open, so it ends with this process even when that is killed outright.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { shortPath } from "./folder.ts";
import { openLogFile } from "./log-file.ts";

export interface ChildOptions {
  /** What people call it: `the functions`. */
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Gets every line it prints, colour codes left out. Emptied at the start. */
  readonly logPath: string;
  /** Called for each line too. */
  readonly onLine?: (line: string) => void;
}

export interface Child {
  readonly name: string;
  readonly logPath: string;
  /** Resolves when it has ended, however it did: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  /** Aborted when it ends without having been asked to, with an error that says how, and its last words. */
  readonly died: AbortSignal;
  /** The last lines it printed, at most 20. */
  lastLines(): readonly string[];
  /** Asks it to end, kills it after `graceMs` (default 4,000), resolves when it and its own are gone. */
  end(graceMs?: number): Promise<void>;
  /** Kills it and its own outright, as a crash would; resolves when they are gone. */
  kill(): Promise<void>;
}

const LAST_LINES = 20;
const DEFAULT_GRACE_MS = 4_000;

/**
 * Runs "$@" until standard input closes or it ends by itself, then answers its exit code. Standard
 * input is moved to 3 since a shell gives what runs in the background /dev/null.
 */
const WITH_PARENT =
  'exec 3<&0; "$@" </dev/null 3<&- & child=$!; ' +
  '{ cat <&3 >/dev/null; kill "$child"; } >/dev/null 2>&1 & ' +
  'exec 3<&-; wait "$child"';

/** Starts a child in a process group of its own, so that Ctrl-C reaches it through us, in order. */
export function startChild(options: ChildOptions): Child {
  const log = openLogFile(options.logPath);
  const lines: string[] = [];
  const child = spawn("/bin/sh", ["-c", WITH_PARENT, options.name, ...options.command], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    env: { ...process.env, NO_COLOR: "1", ...options.environment },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  child.stdin.on("error", () => {}); // It was gone already.
  const onLine = (text: string) => {
    const line = withoutColour(text);
    log.write(line);
    lines.push(line);
    if (lines.length > LAST_LINES) lines.shift();
    options.onLine?.(line);
  };
  const printed = [readLines(child.stdout, onLine), readLines(child.stderr, onLine)];
  const died = new AbortController();
  let isEnding = false;
  const ended = once(child, "exit").then(async ([code, signal]) => {
    killGroup(child.pid);
    await Promise.all(printed);
    log.close();
    return signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  const self: Child = {
    name: options.name,
    logPath: options.logPath,
    ended,
    died: died.signal,
    lastLines: () => [...lines],
    end: async (graceMs = DEFAULT_GRACE_MS) => {
      isEnding = true;
      child.stdin.end();
      const timer = setTimeout(() => killGroup(child.pid), graceMs);
      await ended;
      clearTimeout(timer);
    },
    kill: async () => {
      isEnding = true;
      killGroup(child.pid);
      await ended;
    },
  };
  void ended.then((how) => {
    if (!isEnding) died.abort(childFailure(self, `ended by itself (${how})`));
  });
  return self;
}

/** An error for people: what happened to a child, where its log is, and its last lines. */
export function childFailure(child: Child, what: string): Error {
  const words = child
    .lastLines()
    .map((line) => `\n  | ${line}`)
    .join("");
  return new Error(`${child.name} ${what}; its log is ${shortPath(child.logPath)}${words}`);
}

function readLines(stream: Readable, onLine: (line: string) => void): Promise<unknown> {
  const reader = createInterface({ input: stream }).on("line", onLine);
  return once(reader, "close");
}

/** Whatever is left of the group; nothing, usually. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing was left.
  }
}

function withoutColour(line: string): string {
  // eslint-disable-next-line no-control-regex -- colour codes begin with a control character
  return line.replaceAll(/\u001B\[[0-9;]*m/g, "");
}
