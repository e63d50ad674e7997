/**
 * Pushgateways for tests: the embedded one, the one installed on this machine, and those named in
 * PUSHGATEWAY_BINARIES (paths, separated by colons).
 */

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { basename, delimiter } from "node:path";
import { findProgram } from "../../local/find-pushgateway.ts";
import { freePort, LOOPBACK, untilAnswering } from "../../local/ports.ts";
import { startPushgateway as startEmbedded } from "../../local/pushgateway/server.ts";

export interface TestPushgatewayOptions {
  /** A file that keeps the groups over a restart. Default: none. */
  readonly persistencePath?: string;
  /** How often the file is written, such as `1s`; the embedded one's is fixed. Default: the program's, `5m`. */
  readonly persistenceInterval?: string;
  /** Default true. */
  readonly consistencyCheck?: boolean;
  /** Default: any that is free. */
  readonly port?: number;
}

export interface TestPushgateway {
  readonly url: string;
  /** Ends it as SIGTERM does: what it keeps in a file is written. */
  readonly close: () => Promise<void>;
  /** Ends it as SIGKILL does: what is not yet in the file is lost. The embedded one has none. */
  readonly kill?: () => Promise<void>;
}

/** One program to test against. */
export interface PushgatewayKind {
  /** For test names. */
  readonly name: string;
  /** Before 1.6.0, which takes a body that was cut for a whole one. */
  readonly isOld: boolean;
  readonly start: (options?: TestPushgatewayOptions) => Promise<TestPushgateway>;
}

const START_TIMEOUT_MS = 60_000;
/** A free port may be taken by someone else before the program has it. */
const MAX_STARTS = 3;

const EMBEDDED: PushgatewayKind = {
  name: "embedded",
  isOld: false,
  start: async ({ port, persistenceInterval: _fixed, ...options } = {}) =>
    startEmbedded({ port: port ?? (await freePort()), ...options }),
};

/** The real one of this machine, if it has one. */
export const installed = findProgram(
  ["prometheus-pushgateway", "pushgateway"],
  process.env["PATH"],
);

/** Every Pushgateway there is to test against, the embedded one first. */
export const pushgatewayKinds: readonly PushgatewayKind[] = [
  EMBEDDED,
  ...[installed ?? "", ...(process.env["PUSHGATEWAY_BINARIES"] ?? "").split(delimiter)]
    .filter((path) => path !== "")
    .map((path) => realKind(path)),
];

/** Starts the installed Pushgateway, or the embedded one where there is none. The caller closes it. */
export async function startPushgateway(options?: TestPushgatewayOptions): Promise<TestPushgateway> {
  const kind = installed === undefined ? EMBEDDED : realKind(installed);
  return kind.start(options);
}

/** A real one. @param path of the program. */
export function realKind(path: string): PushgatewayKind {
  const [, version = "unnamed"] = /version ([\d.]+)/.exec(readVersion(path)) ?? [];
  return {
    name: `${basename(path)} ${version}`,
    isOld: /^1\.[0-5]\./.test(version),
    start: (options = {}) => startReal(path, options),
  };
}

/** It goes to standard error before 1.9.0. */
function readVersion(path: string): string {
  return execFileSync("/bin/sh", ["-c", '"$0" --version 2>&1', path], { encoding: "utf8" });
}

async function startReal(path: string, options: TestPushgatewayOptions): Promise<TestPushgateway> {
  const { persistencePath = "", persistenceInterval, consistencyCheck = true } = options;
  for (let start = 1; ; start += 1) {
    const port = options.port ?? (await freePort());
    const child = spawn(
      path,
      [
        `--web.listen-address=${LOOPBACK}:${port}`,
        // Debian's keeps its groups in /var/lib unless told otherwise.
        `--persistence.file=${persistencePath}`,
        ...(persistenceInterval === undefined
          ? []
          : [`--persistence.interval=${persistenceInterval}`]),
        ...(consistencyCheck ? [] : ["--push.disable-consistency-check"]),
      ],
      { stdio: "ignore" },
    );
    try {
      await untilAnswering(port, { timeoutMs: START_TIMEOUT_MS, signal: whenEnded(child, path) });
      return {
        url: `http://${LOOPBACK}:${port}`,
        close: () => endChild(child),
        kill: () => endChild(child, "SIGKILL"),
      };
    } catch (error) {
      await endChild(child);
      if (start === MAX_STARTS) throw error;
    }
  }
}

/** Aborted when it ends; it is killed when this process does. */
function whenEnded(child: ChildProcess, path: string): AbortSignal {
  const ended = new AbortController();
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", (code) => {
    process.off("exit", kill);
    ended.abort(new Error(`${path} ended with ${code}`));
  });
  return ended.signal;
}

async function endChild(
  child: ChildProcess,
  signal: "SIGTERM" | "SIGKILL" = "SIGTERM",
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}
