/**
 * The last flush of a process, of all its environments at once: after SIGTERM, while its event loop
 * still runs, and in Node.js's `exit` event, where nothing is awaited any more.
 */

import type { Environment } from "./environment.ts";
import type { PushRequest } from "../push/push-target.ts";
import { sendNow } from "./send-now.ts";

/** The environments of this process, and how long each may take. */
const closedAtShutdown = new Map<Environment, number>();
const flushedAtExit = new Map<Environment, number>();

/**
 * Closes an environment at SIGTERM, so that its group can be retired at once. Then the signal takes its
 * course: `process.exit` would wait for the thread in which the runtime client polls, until SIGKILL.
 */
export function closeAtShutdown(environment: Environment, timeoutMs: number): void {
  if (closedAtShutdown.size === 0) process.once("SIGTERM", () => void shutDown());
  closedAtShutdown.set(environment, timeoutMs);
}

/**
 * Flushes an environment when the process ends without a signal: by an exception nobody caught, a
 * rejection nobody handled or `process.exit`.
 * @param timeoutMs longest time the process stands still for it.
 */
export function flushAtExit(environment: Environment, timeoutMs: number): void {
  if (flushedAtExit.size === 0) process.once("exit", sayLastWords);
  flushedAtExit.set(environment, timeoutMs);
}

async function shutDown(): Promise<void> {
  const closings = [...closedAtShutdown].map(([environment, timeoutMs]) =>
    environment.close(timeoutMs),
  );
  await Promise.allSettled(closings);
  // Whoever else handles the signal has had it, and ends the process as they like.
  if (process.listenerCount("SIGTERM") === 0) process.kill(process.pid, "SIGTERM");
}

function sayLastWords(): void {
  const words = [...flushedAtExit.keys()].map((environment) => environment.endNow());
  const requests = words.flatMap((own) => own.requests);
  if (requests.length === 0) return;
  const statuses = sendWhatCanBeSent(requests, Math.max(...flushedAtExit.values()));
  for (const own of words) own.answered(statuses.splice(0, own.requests.length));
}

/** An error thrown in Node.js's `exit` event would end the process in another way than it had chosen. */
function sendWhatCanBeSent(requests: readonly PushRequest[], timeoutMs: number): number[] {
  try {
    return sendNow(requests, timeoutMs);
  } catch {
    // No thread or no memory is left: none was answered.
    return requests.map(() => 0);
  }
}
