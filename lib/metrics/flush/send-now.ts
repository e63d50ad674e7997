/**
 * HTTP requests of a process that is about to end: nothing of its event loop runs any more, so a
 * worker thread sends them while this thread stands still.
 */

import type http from "node:http";
import { loadWorkerThreads } from "../../builtin.ts";
import type { PushRequest } from "../push/push-target.ts";

interface Work {
  readonly requests: readonly PushRequest[];
  /** First 1 once all have ended, then each one's status. */
  readonly ended: Int32Array;
}

/**
 * Sends all at once, and waits for their answers: 30 ms of CPU go to starting the thread.
 * @param timeoutMs for the thread's start and all answers together.
 * @returns each one's status; 0 where no whole answer came in time, though it may have arrived.
 */
export function sendNow(requests: readonly PushRequest[], timeoutMs: number): number[] {
  const ended = new Int32Array(new SharedArrayBuffer(4 * (1 + requests.length)));
  const workerData: Work = { requests, ended };
  // A bundle is one file, so the thread's program comes along as text.
  const { Worker } = loadWorkerThreads();
  new Worker(`(${sendAll.toString()})(require);`, {
    eval: true,
    workerData,
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
  }).unref();
  Atomics.wait(ended, 0, 0, timeoutMs);
  return [...ended.subarray(1)];
}

/** The thread's program. It is passed on as text: it knows nothing that is not in it. */
function sendAll(load: NodeJS.Require): void {
  const { workerData } = load("node:worker_threads") as { workerData: Work };
  const { requests, ended } = workerData;
  let open = requests.length;
  const end = () => {
    open -= 1;
    if (open > 0) return;
    Atomics.store(ended, 0, 1);
    Atomics.notify(ended, 0);
  };
  for (const [index, { url, method, headers, body }] of requests.entries()) {
    const module = url.startsWith("https:") ? "node:https" : "node:http";
    const { request } = load(module) as typeof http;
    const call = request(url, { method, headers, agent: false }, (response) => {
      response.on("end", () => Atomics.store(ended, 1 + index, response.statusCode ?? 0));
      response.on("error", () => {});
      response.resume();
    });
    call.on("error", () => {});
    call.on("close", end);
    call.end(body);
  }
}
