/** consume-trades as a process that can be killed, and is started again when it was. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface TestConsumer {
  /** How often it was killed. */
  kills(): number;
  /** Ends it at once, as a crash would; another starts in its place. */
  kill(): void;
  /** All it has printed. */
  output(): string;
  close(): Promise<void>;
}

const PROGRAM = join(import.meta.dirname, "consumer-process.ts");

/** Starts one with this environment; the caller closes it. */
export function startConsumer(environment: Readonly<Record<string, string>>): TestConsumer {
  let output = "";
  let kills = 0;
  let isClosed = false;
  let child: ChildProcess;
  const start = () => {
    child = spawn(process.execPath, [PROGRAM], {
      env: { PATH: process.env["PATH"], ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (data: Buffer) => void (output += data.toString()));
    child.once("exit", () => {
      if (!isClosed) start();
    });
  };
  const killLast = () => child.kill("SIGKILL");
  process.once("exit", killLast);
  start();
  return {
    kills: () => kills,
    kill: () => {
      kills += 1;
      child.kill("SIGKILL");
    },
    output: () => output,
    close: async () => {
      isClosed = true;
      process.off("exit", killLast);
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
