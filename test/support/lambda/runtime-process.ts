/**
 * One run of the runtime client in a process of its own, with the two APIs it talks to: from its
 * start (init) to its exit. An execution environment goes through several when it is reset.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type Answer, type ProcessExit, describeExit, exitAnswer } from "./answer.ts";
import type { EnvironmentLog } from "./environment-log.ts";
import { ExtensionsApi } from "./extensions-api.ts";
import type { Invocation } from "./invocation.ts";
import { sendError } from "./json-http.ts";
import { RuntimeApi } from "./runtime-api.ts";
import { NODE } from "./runtime-client.ts";

export interface RuntimeProcessOptions {
  readonly functionName: string;
  readonly functionArn: string;
  readonly handler: string;
  readonly taskRoot: string;
  readonly runtimeClientDir: string;
  /** Flags for Node.js itself. */
  readonly nodeFlags: readonly string[];
  /** All the variables of the process, but for the address of the APIs. */
  readonly variables: Readonly<Record<string, string>>;
  readonly isMultiConcurrent: boolean;
  readonly log: EnvironmentLog;
}

/** Why init failed: the process ended, perhaps after it had reported an error. */
export interface InitFailure {
  readonly reported: Answer | undefined;
  readonly exit: ProcessExit;
}

/** Output may still be in the pipe when a process has ended; wait no longer than this for it. */
const LAST_OUTPUT_MS = 250;

export class RuntimeProcess {
  readonly #options: RuntimeProcessOptions;
  readonly #server: Server;
  readonly #child: ChildProcess;
  readonly #runtime: RuntimeApi;
  readonly #extensions: ExtensionsApi;
  readonly #running = new Map<string, Invocation>();
  readonly #initialized = Promise.withResolvers<InitFailure | undefined>();
  #reported: Answer | undefined;
  #isFrozen = false;
  #hasExited = false;

  /** Settles with undefined when runtime and extensions wait for their first event, or with why init failed. */
  readonly initialized: Promise<InitFailure | undefined> = this.#initialized.promise;
  /** Settles when the process has ended and its output is in the log. */
  readonly exited: Promise<ProcessExit>;

  /** Starts a process; `initialized` tells when it is ready. */
  static async start(options: RuntimeProcessOptions): Promise<RuntimeProcess> {
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new RuntimeProcess(server, options);
  }

  private constructor(server: Server, options: RuntimeProcessOptions) {
    this.#options = options;
    const { isMultiConcurrent, functionName, handler } = options;
    const onPoll = () => this.#onPoll();
    this.#extensions = new ExtensionsApi({ isMultiConcurrent, functionName, handler, onPoll });
    this.#runtime = new RuntimeApi({
      isMultiConcurrent,
      onPoll,
      onAnswer: (requestId, answer) => this.#onAnswer(requestId, answer),
      onInitError: (answer) => (this.#reported = answer),
    });
    this.#server = server.on("request", (request, response) => this.#route(request, response));
    this.#child = spawnRuntime((server.address() as AddressInfo).port, options);
    this.exited = this.#watch();
  }

  /** Registered internal extensions. */
  get extensionCount(): number {
    return this.#extensions.count;
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Sends an invocation to runtime and extensions, and sees it through: answered, then finished. */
  invoke(invocation: Invocation): void {
    const { requestId, event, deadlineMs } = invocation;
    const { functionArn } = this.#options;
    this.#running.set(requestId, invocation);
    invocation.markStarted();
    this.#extensions.deliver({ requestId, event, deadlineMs, functionArn });
    this.#runtime.deliver({ requestId, event, deadlineMs, functionArn });
  }

  /** Gives up an invocation that was answered elsewhere; the process goes on. */
  abandon(invocation: Invocation): void {
    this.#running.delete(invocation.requestId);
    this.#runtime.abandon(invocation.requestId);
  }

  freeze(): void {
    if (!this.#isFrozen) this.#isFrozen = this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    if (this.#isFrozen) this.#isFrozen = !this.#child.kill("SIGCONT");
  }

  /** Kills it at once, frozen or not. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /**
   * Ends it as Lambda does: without an extension at once, else by SIGTERM, and by SIGKILL `graceMs`
   * later.
   */
  async shutdown(graceMs: number): Promise<ProcessExit> {
    this.thaw();
    if (this.extensionCount > 0) {
      this.#child.kill("SIGTERM");
      const isOver = new AbortController();
      await Promise.race([this.exited, delay(graceMs, undefined, { signal: isOver.signal })]);
      isOver.abort();
    }
    this.kill();
    return await this.exited;
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const answer = async () => {
      if (await this.#runtime.handle(request, response)) return;
      if (await this.#extensions.handle(request, response)) return;
      sendError(response, 404, "NotFound", `${request.method} ${request.url} is not served here`);
    };
    // A request is cut off when the process is killed: there is no one left to answer.
    answer().catch(() => response.destroy());
  }

  #onPoll(): void {
    if (!this.#runtime.isWaiting) return;
    this.#extensions.closeRegistration();
    if (this.#extensions.areReady) this.#initialized.resolve(undefined);
    if (!this.#options.isMultiConcurrent && this.#extensions.areIdle) this.#finishAnswered();
  }

  #onAnswer(requestId: string, answer: Answer): void {
    this.#running.get(requestId)?.answer(answer);
    if (this.#options.isMultiConcurrent) this.#finishAnswered();
  }

  #finishAnswered(): void {
    for (const [requestId, invocation] of this.#running) {
      if (!invocation.isAnswered) continue;
      this.#running.delete(requestId);
      invocation.finish("completed");
    }
  }

  async #watch(): Promise<ProcessExit> {
    const { log } = this.#options;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => log.write(chunk));
    }
    const exit = await exitOf(this.#child);
    log.note(describeExit(exit));
    this.#hasExited = true;
    this.#initialized.resolve({ reported: this.#reported, exit });
    for (const invocation of this.#running.values()) {
      if (!invocation.isAnswered) invocation.answer(exitAnswer(invocation.requestId, exit));
      invocation.finish("crash");
    }
    this.#running.clear();
    this.#server.close();
    this.#server.closeAllConnections();
    return exit;
  }
}

/** `setpriv` has the kernel kill the process with ours, however ours ends: no test run leaves one behind. */
function spawnRuntime(port: number, options: RuntimeProcessOptions): ChildProcess {
  const runtime = [NODE, ...options.nodeFlags, `${options.runtimeClientDir}/index.mjs`];
  return spawn("setpriv", ["--pdeathsig", "KILL", ...runtime], {
    cwd: options.taskRoot,
    env: { ...options.variables, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function exitOf(child: ChildProcess): Promise<ProcessExit> {
  const closed = once(child, "close");
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  const isOver = new AbortController();
  await Promise.race([closed, delay(LAST_OUTPUT_MS, undefined, { signal: isOver.signal })]);
  isOver.abort();
  return { code, signal };
}
