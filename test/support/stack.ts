/** Runs `npm start` and the commands beside it, each as people do: as a process with an environment. */

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { vi } from "vitest";
import type { StackFile } from "../../local/stack-file.ts";
import { readStackFile } from "../../local/stack-file.ts";

const LOCAL = join(import.meta.dirname, "../../local");

/** Long, since the machine may be busy with all the other tests. */
export const START_TIMEOUT_MS = 200_000;

export interface Run {
  readonly process: ChildProcess;
  /** All it has printed so far, on both streams. */
  output(): string;
  readonly ended: Promise<End>;
}

export interface End {
  /** Exit code, or the name of the signal that ended it. */
  readonly code: number | string;
  readonly output: string;
}

/** Starts `node local/NAME.ts ARGS` with nothing of this process's configuration. */
export function run(
  name: "start" | "load" | "traffic",
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Run {
  const child = spawn(process.execPath, [join(LOCAL, `${name}.ts`), ...args], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const add = (data: Buffer) => void (output += data.toString());
  child.stdout.on("data", add);
  child.stderr.on("data", add);
  const ended = once(child, "close").then(([code, signal]): End => ({
    code: code ?? signal,
    output,
  }));
  return { process: child, output: () => output, ended };
}

/**
 * Waits until a stack is ready.
 * @throws {Error} with its output when it ends before.
 */
export async function untilReady(stack: Run, localDir: string): Promise<StackFile> {
  let end: End | undefined;
  void stack.ended.then((how) => (end = how));
  return vi.waitUntil(
    async () => {
      if (end !== undefined) throw new Error(`npm start ended with ${end.code}: ${end.output}`);
      return (
        stack.output().includes("Ready after") &&
        (await readStackFile(join(localDir, "stack.json")))
      );
    },
    { timeout: START_TIMEOUT_MS, interval: 100 },
  );
}

/** A process and all that came from it, by process id. */
export function familyOf(pid: number): number[] {
  const parents = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const children = parents.filter(([, parent]) => parent === pid).map(([child = 0]) => child);
  return [pid, ...children.flatMap((child) => familyOf(child))];
}

/** Those of the processes that still run. A zombie, ended but not yet waited for, does not. */
export function stillRunning(pids: readonly number[]): string[] {
  const states = execFileSync("ps", ["-A", "-o", "pid=,state=,args="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim());
  return states.filter((line) => {
    const [pid, state = ""] = line.split(/\s+/);
    return pids.includes(Number(pid)) && !state.startsWith("Z");
  });
}
