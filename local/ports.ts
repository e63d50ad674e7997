/**
 * Ports of this machine: which are free, and whether something answers. Everything local listens on
 * 127.0.0.1 only.
 */

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export const LOOPBACK = "127.0.0.1";

/**
 * Where ports are looked for: below those that systems give to outgoing connections (Linux from 32,768,
 * others from 49,152), so that no connection takes one between finding it and listening on it.
 */
const [FIRST_PORT, LAST_PORT] = [15_000, 31_999] as const;
const PORTS = LAST_PORT - FIRST_PORT + 1;
const MAX_TRIES = 100;

/** Where the next search begins: somewhere else in each process, and never twice the same in one. */
let searched = randomInt(PORTS);

/**
 * A port nothing listens on at this moment, another at each call.
 * @throws {Error} when a hundred in a row are in use.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const port = FIRST_PORT + (searched % PORTS);
    searched += 1;
    if ((await listenProblem(port)) === undefined) return port;
  }
  throw new Error(`no free port among ${MAX_TRIES} from ${FIRST_PORT} to ${LAST_PORT}`);
}

/**
 * Why a server can't have this port, as a sentence, or `undefined` when it can. Asks ::1 too, since
 * `localhost` may mean either and a caller would reach the other server.
 */
export async function portProblem(port: number): Promise<string | undefined> {
  for (const host of [LOOPBACK, "::1"])
    if (await isAnswering(port, host)) return `Port ${port} is in use.`;
  return listenProblem(port);
}

async function listenProblem(port: number): Promise<string | undefined> {
  const server = createServer().listen(port, LOOPBACK);
  try {
    await once(server, "listening");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EACCES") return `Port ${port} needs more rights than this user has.`;
    return code === "EADDRINUSE" ? `Port ${port} is in use.` : `Port ${port}: ${String(error)}`;
  }
  await new Promise((closed) => server.close(closed));
  return undefined;
}

/** Whether a TCP connection to the port is taken within a second. Sends nothing. */
export async function isAnswering(port: number, host: string = LOOPBACK): Promise<boolean> {
  const socket = createConnection({ port, host });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(1_000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * Resolves once the port takes connections.
 * @throws {Error} when it has not after `timeoutMs`; the signal's reason when that aborts first.
 */
export async function untilAnswering(
  port: number,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (!(await isAnswering(port))) {
    options.signal?.throwIfAborted();
    if (performance.now() > deadline)
      throw new Error(`nothing answered on ${LOOPBACK}:${port} for ${options.timeoutMs / 1_000} s`);
    await delay(25);
  }
}
