/**
 * A Pushgateway for this machine: the real one where there is one, else the embedded one. Either
 * keeps its groups on disk.
 */

import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { debianPushgateway } from "./debian-pushgateway.ts";
import type { LocalFolder } from "./folder.ts";
import { LOOPBACK, untilAnswering } from "./ports.ts";
import { startChild, type Child } from "./processes.ts";

export interface OwnPushgateway {
  readonly url: string;
  /** For people: the path of the program, or `embedded`. */
  readonly what: string;
  /** Absent when it runs in this process. */
  readonly child?: Child;
  close(): Promise<void>;
}

/** Debian's name of it, and everyone else's. */
const PROGRAMS = ["prometheus-pushgateway", "pushgateway"];
const START_TIMEOUT_MS = 60_000;

export interface PushgatewayOptions {
  readonly folder: LocalFolder;
  /** Free. */
  readonly port: number;
  /** Where programs are looked for, as `PATH` has it. */
  readonly path: string | undefined;
}

/** Starts it and waits until it answers. */
export async function startAnyPushgateway(options: PushgatewayOptions): Promise<OwnPushgateway> {
  const { folder, port, path } = options;
  mkdirSync(folder.pushgateway, { recursive: true });
  const program = findProgram(PROGRAMS, path) ?? (await debianPushgateway(folder.pushgateway));
  const persistencePath = join(
    folder.pushgateway,
    program === undefined ? "groups.json" : "groups",
  );
  if (program !== undefined) return startReal(program, { folder, port, persistencePath });
  const { startPushgateway } = await import("./pushgateway/server.ts");
  const embedded = await startPushgateway({ port, persistencePath });
  return { url: embedded.url, what: "embedded", close: async () => embedded.close() };
}

/** The first of these programs on a search path such as `PATH`. */
export function findProgram(names: readonly string[], path = ""): string | undefined {
  const candidates = path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .flatMap((folder) => names.map((name) => join(folder, name)));
  return candidates.find((candidate) => isExecutable(candidate));
}

interface RealOptions {
  readonly folder: LocalFolder;
  readonly port: number;
  readonly persistencePath: string;
}

async function startReal(program: string, options: RealOptions): Promise<OwnPushgateway> {
  const { folder, port, persistencePath } = options;
  const child = startChild({
    name: "the Pushgateway",
    command: [
      program,
      `--web.listen-address=${LOOPBACK}:${port}`,
      `--persistence.file=${persistencePath}`,
      // Its default, five minutes, is how much a killed stack could lose.
      "--persistence.interval=10s",
    ],
    logPath: join(folder.logs, "pushgateway.log"),
  });
  await untilAnswering(port, { timeoutMs: START_TIMEOUT_MS, signal: child.died });
  return {
    url: `http://${LOOPBACK}:${port}`,
    what: program,
    child,
    close: async () => child.end(),
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
