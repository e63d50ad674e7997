/**
 * One execution environment of a function: it initialises, takes invocations, is frozen between
 * them, and is reset (same environment, new process) after a timeout or a crash.
 */

import { mkdirSync } from "node:fs";
import { type ProcessExit, exitAnswer } from "./answer.ts";
import { type EnvironmentLog, createEnvironmentLog } from "./environment-log.ts";
import { type Invocation, type InvocationResult, createInvocation } from "./invocation.ts";
import { takeStartSlot } from "./start-slots.ts";
import { type InitFailure, RuntimeProcess, type RuntimeProcessOptions } from "./runtime-process.ts";

export interface EnvironmentOptions {
  /** Unique within the function. */
  readonly id: string;
  readonly logStream: string;
  /** Stands for `/tmp`: it outlives resets. Made if it isn't there. */
  readonly tmpDir: string;
  /** The function's timeout: from the event to the end of the last extension. */
  readonly timeoutMs: number;
  /** How long the first init may take before it is given up, and done again within the invocation. */
  readonly initTimeoutMs: number;
  /** How long a process may live after SIGTERM. */
  readonly shutdownGraceMs: number;
  /** Invocations at once: 1 except in multi-concurrent mode. */
  readonly concurrency: number;
  readonly isFrozenWhenIdle: boolean;
  readonly runtime: Omit<RuntimeProcessOptions, "log">;
  /** Called whenever an invocation has finished, so that there may be room for another. */
  readonly onRoom: () => void;
}

/** `reset`: there is no process; the next invocation starts one. */
export type EnvironmentStatus = "initializing" | "busy" | "idle" | "reset" | "closed";

/** One of its processes that is no more. */
export interface ProcessEnd {
  readonly pid: number | undefined;
  /** The first that was done to it; `itself`: nothing was. */
  readonly by: "crash" | "timeout" | "init-timeout" | "shutdown" | "itself";
  readonly exit: ProcessExit;
}

export class ExecutionEnvironment {
  readonly id: string;
  readonly logStream: string;
  readonly tmpDir: string;
  /** Output of all its processes, and what was done to them. */
  readonly log: EnvironmentLog = createEnvironmentLog();
  readonly #options: EnvironmentOptions;
  readonly #running = new Set<Invocation>();
  readonly #ends: ProcessEnd[] = [];
  readonly #endedBy = new WeakMap<RuntimeProcess, ProcessEnd["by"]>();
  #process: RuntimeProcess | undefined;
  #starting: Promise<InitFailure | undefined> | undefined;
  #initCount = 0;
  #isClosed = false;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    this.id = options.id;
    this.logStream = options.logStream;
    this.tmpDir = options.tmpDir;
    mkdirSync(options.tmpDir, { recursive: true });
  }

  get status(): EnvironmentStatus {
    if (this.#isClosed) return "closed";
    if (this.#starting !== undefined) return "initializing";
    if (this.#running.size > 0) return "busy";
    return this.#living === undefined ? "reset" : "idle";
  }

  get isFrozen(): boolean {
    return this.#living?.isFrozen === true;
  }

  /** How many processes it has started: more than one tells of resets and failed inits. */
  get initCount(): number {
    return this.#initCount;
  }

  /** The process id of its runtime, while there is one. */
  get pid(): number | undefined {
    return this.#living?.pid;
  }

  /** How its processes ended, in that order. */
  get ends(): readonly ProcessEnd[] {
    return this.#ends;
  }

  /** Whether it can take an invocation now. */
  get hasRoom(): boolean {
    return !this.#isClosed && this.#running.size < this.#options.concurrency;
  }

  /** Initialises it before any invocation, as provisioned concurrency does; undefined if it went well. */
  async initialize(): Promise<InitFailure | undefined> {
    const giveBack = await takeStartSlot();
    const failure = await this.#start(this.#options.initTimeoutMs).finally(giveBack);
    this.#freezeIfIdle();
    return failure;
  }

  /**
   * Takes an invocation; ask `hasRoom` before.
   * @param event JSON text.
   * @returns the response or the failure, as soon as there is one.
   */
  invoke(event: string): Promise<InvocationResult> {
    const invocation = createInvocation(this, event);
    this.#running.add(invocation);
    void this.#run(invocation);
    return invocation.answered;
  }

  /** Stops its process where it is; the next invocation thaws it. */
  freeze(): void {
    this.#living?.freeze();
  }

  thaw(): void {
    this.#living?.thaw();
  }

  /** Kills its process without warning; the next invocation starts another in the same environment. */
  async crash(): Promise<void> {
    const runtime = this.#living;
    this.#note("crash");
    runtime?.kill();
    await runtime?.exited;
  }

  /**
   * Ends it for good: it takes nothing new, waits for what runs (no longer than the timeouts), then
   * gets SIGTERM if an extension is registered, and SIGKILL when the grace is over.
   * @returns how its process ended; undefined if there was none.
   */
  async shutdown(): Promise<ProcessExit | undefined> {
    this.#isClosed = true;
    await this.#starting;
    await Promise.all([...this.#running].map((invocation) => invocation.finished));
    this.#note("shutdown");
    return await this.#living?.shutdown(this.#options.shutdownGraceMs);
  }

  get #living(): RuntimeProcess | undefined {
    return this.#process?.hasExited === true ? undefined : this.#process;
  }

  async #run(invocation: Invocation): Promise<void> {
    const { timeoutMs, initTimeoutMs } = this.#options;
    const giveBack = this.#living === undefined ? await takeStartSlot() : undefined;
    // The first init has a limit of its own; any later one is a part of the invocation.
    const isFirst = this.#initCount === 0 || this.#starting !== undefined;
    if (isFirst) await this.#start(initTimeoutMs);
    invocation.startClock(timeoutMs);
    // Where this process itself stood still past the deadline, it first takes in what has arrived.
    let isFinished = false;
    const timer = setTimeout(() => {
      setImmediate(() => isFinished || this.#timeOut(invocation));
    }, timeoutMs);
    const failure = this.#living === undefined ? await this.#start(timeoutMs) : undefined;
    giveBack?.();
    if (failure === undefined) this.#dispatch(invocation);
    else {
      invocation.answer(failure.reported ?? exitAnswer(invocation.requestId, failure.exit));
      invocation.finish("init-failure");
    }
    await invocation.finished;
    isFinished = true;
    clearTimeout(timer);
    this.#running.delete(invocation);
    this.#options.onRoom();
    this.#freezeIfIdle();
  }

  #dispatch(invocation: Invocation): void {
    this.thaw();
    this.#process?.invoke(invocation);
  }

  #timeOut(invocation: Invocation): void {
    const { timeoutMs, concurrency } = this.#options;
    this.log.note(`${invocation.requestId} timed out after ${timeoutMs} ms`);
    invocation.timeOut(timeoutMs);
    if (concurrency === 1) {
      this.#note("timeout");
      this.#process?.kill();
      return;
    }
    // Others run in the same process, so it lives on: only this invocation is given up.
    this.#process?.abandon(invocation);
    invocation.finish("timeout");
  }

  /** Starts a process and waits until it is ready; whoever else needs it meanwhile waits with us. */
  #start(limitMs: number): Promise<InitFailure | undefined> {
    const started = this.#starting ?? this.#startProcess(limitMs);
    this.#starting = started;
    return started;
  }

  async #startProcess(limitMs: number): Promise<InitFailure | undefined> {
    this.#initCount++;
    try {
      const runtime = await RuntimeProcess.start({ ...this.#options.runtime, log: this.log });
      this.#process = runtime;
      void runtime.exited.then((exit) => {
        const by = this.#endedBy.get(runtime) ?? "itself";
        this.#ends.push({ pid: runtime.pid, by, exit });
      });
      const timer = setTimeout(() => {
        this.#note("init-timeout");
        runtime.kill();
      }, limitMs);
      const failure = await runtime.initialized;
      clearTimeout(timer);
      return failure;
    } finally {
      this.#starting = undefined;
    }
  }

  /** Whatever ends the process from now on, this came first. */
  #note(by: ProcessEnd["by"]): void {
    const runtime = this.#living;
    if (runtime !== undefined && !this.#endedBy.has(runtime)) this.#endedBy.set(runtime, by);
  }

  #freezeIfIdle(): void {
    if (this.#options.isFrozenWhenIdle && this.status === "idle") this.freeze();
  }
}
