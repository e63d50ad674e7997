/**
 * A stand-in for AWS Lambda on one machine: a function with as many execution environments as its
 * load needs, each a process that runs the bundle under AWS's own Node.js runtime client.
 */

import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_PAYLOAD_BYTES, type ProcessExit, describeExit } from "./answer.ts";
import { ExecutionEnvironment } from "./execution-environment.ts";
import { type InitializationType, functionVariables } from "./function-variables.ts";
import type { InvocationResult } from "./invocation.ts";
import { RUNTIME_CLIENT_DIR, whyNoRuntimeClient } from "./runtime-client.ts";

export interface FunctionOptions {
  /** The unpacked bundle: what is at `/var/task` on Lambda. */
  readonly taskRoot: string;
  /** `path/of/module.exportedName` below the task root, without the file's ending. */
  readonly handler: string;
  /** Default `function-under-test`. */
  readonly name?: string;
  /** 128 to 10,240; sizes the heap as Lambda does, and limits nothing else. Default 512. */
  readonly memoryMb?: number;
  /** 1 to 900,000, from the event to the end of the last extension. Default 20,000, for machines that are busy. */
  readonly timeoutMs?: number;
  /** Limit of the first init; default 10,000, as on Lambda. */
  readonly initTimeoutMs?: number;
  /** From SIGTERM to SIGKILL; default 500, as on Lambda with internal extensions only. */
  readonly shutdownGraceMs?: number;
  /**
   * The function's own environment variables; a function is asked by each environment's id, as where
   * an alias divides its traffic between two versions.
   */
  readonly variables?:
    | Readonly<Record<string, string>>
    | ((environmentId: string) => Readonly<Record<string, string>>);
  /** Default `us-east-1`. */
  readonly region?: string;
  /** Environments at once; default 10. */
  readonly maxEnvironments?: number;
  /** Invocations that may wait when every environment is busy; one more is throttled. Default 1,000. */
  readonly maxWaiting?: number;
  /** Whether idle environments are frozen; default true, in multi-concurrent mode always false. */
  readonly isFrozenWhenIdle?: boolean;
  /** Runs as on Lambda Managed Instances: several worker threads, each with several invocations at once. */
  readonly multiConcurrent?: { readonly maxConcurrency: number; readonly workerCount: number };
  /** Default: where `.ci/lambda-runtime/install.sh` puts it. */
  readonly runtimeClientDir?: string;
}

interface Waiting {
  readonly event: string;
  readonly started: PromiseWithResolvers<Promise<InvocationResult>>;
}

/**
 * Makes a function; environments start with the first invocations.
 * @throws {Error} when the runtime client is not installed.
 */
export function createFunction(options: FunctionOptions): LambdaFunction {
  const reason = whyNoRuntimeClient(options.runtimeClientDir);
  if (reason !== undefined) throw new Error(reason);
  return new LambdaFunction(options);
}

export class LambdaFunction implements AsyncDisposable {
  readonly name: string;
  readonly arn: string;
  readonly #options: FunctionOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "k2-lambda-"));
  /** In the order of their last use: the one idle longest comes first. */
  readonly #environments = new Set<ExecutionEnvironment>();
  readonly #waiting: Waiting[] = [];
  #startedCount = 0;
  #isClosed = false;

  constructor(options: FunctionOptions) {
    const { name = "function-under-test", region = "us-east-1" } = options;
    this.#options = options;
    this.name = name;
    this.arn = `arn:aws:lambda:${region}:123456789012:function:${name}`;
  }

  /** The environments that are not shut down, the one used longest ago first. */
  get environments(): readonly ExecutionEnvironment[] {
    return [...this.#environments];
  }

  /**
   * Invokes the function: in the environment that has been idle longest, else in a new one, else when
   * one becomes free.
   * @param event any JSON value, up to 6 MiB.
   * @returns the response or the function's failure, as soon as it is there; extensions may go on.
   * @throws {Error} when throttled (`maxWaiting`), when the event is too large, or after `close`.
   */
  async invoke(event: unknown): Promise<InvocationResult> {
    const text = JSON.stringify(event) ?? "null";
    if (Buffer.byteLength(text) > MAX_PAYLOAD_BYTES) throw new Error("RequestTooLarge: 6 MiB");
    if (this.#isClosed) throw new Error(`${this.name} is closed`);
    const environment = this.#findRoom();
    if (environment !== undefined) return await environment.invoke(text);
    const { maxWaiting = 1_000 } = this.#options;
    if (this.#waiting.length >= maxWaiting) throw new Error("TooManyRequests: Rate Exceeded.");
    const started = Promise.withResolvers<Promise<InvocationResult>>();
    this.#waiting.push({ event: text, started });
    return await started.promise;
  }

  /**
   * Starts environments beforehand, as provisioned concurrency does, until there are `count`, which
   * may be above `maxEnvironments`.
   * @throws {Error} when an init fails, with the environment's log.
   */
  async provision(count: number): Promise<void> {
    const fresh: ExecutionEnvironment[] = [];
    while (this.#environments.size < count) fresh.push(this.#create("provisioned-concurrency"));
    const start = async (environment: ExecutionEnvironment) => {
      const failure = await environment.initialize();
      if (failure === undefined) return;
      throw new Error(`init failed: ${describeExit(failure.exit)}\n${environment.log.text()}`);
    };
    await Promise.all(fresh.map(start));
  }

  /** Shuts one environment down, as Lambda does with those it no longer needs; see `ExecutionEnvironment.shutdown`. */
  async shutdownEnvironment(environment: ExecutionEnvironment): Promise<ProcessExit | undefined> {
    this.#environments.delete(environment);
    return await environment.shutdown();
  }

  /** Shuts every environment down. Invocations that still wait for one are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { started } of this.#waiting.splice(0)) {
      started.reject(new Error(`${this.name} is closed`));
    }
    await Promise.all(this.environments.map((each) => this.shutdownEnvironment(each)));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #findRoom(): ExecutionEnvironment | undefined {
    for (const environment of this.#environments) {
      if (!environment.hasRoom) continue;
      // Back to the end: it is the one used last now.
      this.#environments.delete(environment);
      this.#environments.add(environment);
      return environment;
    }
    const { maxEnvironments = 10 } = this.#options;
    return this.#environments.size < maxEnvironments ? this.#create("on-demand") : undefined;
  }

  #serveWaiting(): void {
    while (this.#waiting.length > 0) {
      const environment = this.#findRoom();
      if (environment === undefined) return;
      const next = this.#waiting.shift();
      next?.started.resolve(environment.invoke(next.event));
    }
  }

  #create(initializationType: InitializationType): ExecutionEnvironment {
    const { timeoutMs = 20_000, initTimeoutMs = 10_000, shutdownGraceMs = 500 } = this.#options;
    const { multiConcurrent, isFrozenWhenIdle = true } = this.#options;
    const id = String(++this.#startedCount);
    const logStream = `${new Date().toISOString().slice(0, 10)}/[$LATEST]${randomUUID()}`;
    const tmpDir = join(this.#folder, id);
    const environment = new ExecutionEnvironment({
      id,
      logStream,
      tmpDir,
      timeoutMs,
      initTimeoutMs,
      shutdownGraceMs,
      concurrency: multiConcurrent?.maxConcurrency ?? 1,
      isFrozenWhenIdle: isFrozenWhenIdle && multiConcurrent === undefined,
      runtime: this.#runtimeOptions({ id, logStream, tmpDir, initializationType }),
      onRoom: () => this.#serveWaiting(),
    });
    this.#environments.add(environment);
    return environment;
  }

  #runtimeOptions(environment: {
    readonly id: string;
    readonly logStream: string;
    readonly tmpDir: string;
    readonly initializationType: InitializationType;
  }) {
    const { id, logStream, tmpDir, initializationType } = environment;
    const { handler, taskRoot, memoryMb = 512, multiConcurrent, variables = {} } = this.#options;
    const { region = "us-east-1", runtimeClientDir = RUNTIME_CLIENT_DIR } = this.#options;
    const isMultiConcurrent = multiConcurrent !== undefined;
    return {
      functionName: this.name,
      functionArn: this.arn,
      handler,
      taskRoot,
      runtimeClientDir,
      isMultiConcurrent,
      // Lambda's own start script divides the memory so: a tenth for new objects, in two halves.
      nodeFlags: [
        "--expose-gc",
        `--max-semi-space-size=${Math.floor(memoryMb / 20)}`,
        `--max-old-space-size=${memoryMb - Math.floor(memoryMb / 10)}`,
      ],
      variables: functionVariables({
        functionName: this.name,
        handler,
        taskRoot,
        runtimeClientDir,
        memoryMb,
        region,
        logStream,
        tmpDir,
        initializationType: isMultiConcurrent ? "lambda-managed-instances" : initializationType,
        multiConcurrent,
        variables: typeof variables === "function" ? variables(id) : variables,
      }),
    };
  }
}
