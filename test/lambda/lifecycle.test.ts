import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import { writeBundle } from "../support/lambda/bundle.ts";
import type { ExecutionEnvironment } from "../support/lambda/execution-environment.ts";
import { createFunction } from "../support/lambda/lambda-function.ts";
import { needsRuntimeClient } from "../support/lambda/needs-runtime-client.ts";
import { NODE } from "../support/lambda/runtime-client.ts";

needsRuntimeClient();

const SIMPLE = "export const handler = async (event) => event;";

/** A handler that waits for a file in its environment's temporary folder. */
const HELD = `
  import { fileAppears } from "./internal-extension.mjs";
  export const handler = async () => { await fileAppears("go"); return process.pid; };
`;

/** The kernel's state of a process: `T` is stopped. */
function processState({ pid }: ExecutionEnvironment): string | undefined {
  return /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
}

function letGo(environments: readonly ExecutionEnvironment[]): void {
  for (const { tmpDir } of environments) writeFileSync(join(tmpDir, "go"), "");
}

describe("freezing", () => {
  it("stops an environment between invocations, and the next one thaws it", async () => {
    using bundle = writeBundle(SIMPLE);
    await using lambda = createFunction(bundle);
    const { environment, finished } = await lambda.invoke(1);
    await finished;
    await expect.poll(() => processState(environment)).toBe("T");
    expect(environment.isFrozen).toBe(true);
    const again = await lambda.invoke(2);
    expect(again.payload).toBe("2");
    expect(again.environment).toBe(environment);
  });

  it("stops a provisioned environment before its first invocation", async () => {
    using bundle = writeBundle(SIMPLE);
    await using lambda = createFunction(bundle);
    await lambda.provision(1);
    expect(lambda.environments.map((environment) => environment.isFrozen)).toEqual([true]);
    expect((await lambda.invoke(1)).payload).toBe("1");
  });

  it("can be switched off, and done by hand", async () => {
    using bundle = writeBundle(SIMPLE);
    await using lambda = createFunction({ ...bundle, isFrozenWhenIdle: false });
    const { environment, finished } = await lambda.invoke(1);
    await finished;
    expect(environment.isFrozen).toBe(false);
    environment.freeze();
    await expect.poll(() => processState(environment)).toBe("T");
    environment.thaw();
    await expect.poll(() => processState(environment)).not.toBe("T");
    environment.freeze();
    expect((await lambda.invoke(2)).payload).toBe("2");
  });

  it("in the middle of an invocation ends with the timeout", async () => {
    using bundle = writeBundle(HELD);
    await using lambda = createFunction({ ...bundle, timeoutMs: 300 });
    await lambda.provision(1);
    const pending = lambda.invoke({});
    lambda.environments[0]?.freeze();
    letGo(lambda.environments);
    expect((await (await pending).finished).outcome).toBe("timeout");
  });
});

describe("scaling", () => {
  it("gives invocations at the same time an environment each, and later ones the same again", async () => {
    using bundle = writeBundle(HELD);
    await using lambda = createFunction({ ...bundle, timeoutMs: 60_000 });
    await lambda.provision(1);
    const pending = [1, 2, 3].map(() => lambda.invoke({}));
    await expect
      .poll(() => lambda.environments.map(({ status }) => status))
      .toEqual(["busy", "busy", "busy"]);
    letGo(lambda.environments);
    const results = await Promise.all(pending);
    expect(new Set(results.map(({ payload }) => payload)).size).toBe(3);
    await Promise.all(results.map(({ finished }) => finished));
    for (let i = 0; i < 4; i++) await (await lambda.invoke({})).finished;
    expect(lambda.environments.map(({ initCount }) => initCount)).toEqual([1, 1, 1]);
  });

  it("ends at the cap: further invocations wait in order, then are throttled", async () => {
    using bundle = writeBundle(HELD);
    await using lambda = createFunction({
      ...bundle,
      maxEnvironments: 1,
      maxWaiting: 2,
      timeoutMs: 60_000,
    });
    const pending = [1, 2, 3].map(() => lambda.invoke({}));
    await expect(lambda.invoke({})).rejects.toThrow("TooManyRequests: Rate Exceeded.");
    letGo(lambda.environments);
    const answeredAt = (await Promise.all(pending)).map(({ answeredAtMs }) => answeredAtMs);
    expect(answeredAt).toEqual(answeredAt.toSorted((a, b) => a - b));
    expect(lambda.environments).toHaveLength(1);
  });

  it("uses the environment that has been idle longest", async () => {
    using bundle = writeBundle("export const handler = async () => process.pid;");
    await using lambda = createFunction(bundle);
    await lambda.provision(3);
    const pids: string[] = [];
    for (let i = 0; i < 6; i++) {
      const result = await lambda.invoke({});
      await result.finished;
      pids.push(result.payload);
    }
    expect(new Set(pids.slice(0, 3)).size).toBe(3);
    expect(pids.slice(3)).toEqual(pids.slice(0, 3));
  });
});

/** Says `flushed` at SIGTERM, and then lets the signal end the process if it is told to. */
const onTerminate = (isExtension: boolean, ends: boolean) => `
  import { startExtension } from "./internal-extension.mjs";
  ${isExtension ? "await startExtension(() => {});" : ""}
  process.${ends ? "once" : "on"}("SIGTERM", () => {
    process.stdout.write("flushed\\n");
    ${ends ? 'process.kill(process.pid, "SIGTERM");' : ""}
  });
  export const handler = async () => "done";
`;

describe("a shutdown", () => {
  it("sends SIGTERM to a frozen process with an extension, and lets it end by itself", async () => {
    using bundle = writeBundle(onTerminate(true, true));
    await using lambda = createFunction({ ...bundle, shutdownGraceMs: 20_000 });
    const { environment, finished } = await lambda.invoke({});
    await finished;
    expect(environment.isFrozen).toBe(true);
    expect(await lambda.shutdownEnvironment(environment)).toEqual({
      code: null,
      signal: "SIGTERM",
    });
    expect(environment.log.text()).toContain("flushed");
    expect(environment.status).toBe("closed");
    expect(lambda.environments).toHaveLength(0);
  });

  it("kills a process with an extension when its time to end is over", async () => {
    using bundle = writeBundle(onTerminate(true, false));
    await using lambda = createFunction({ ...bundle, shutdownGraceMs: 2_000 });
    await lambda.provision(1);
    const [environment] = lambda.environments;
    const startedAt = performance.now();
    const exit = await lambda.shutdownEnvironment(environment!);
    expect(exit).toEqual({ code: null, signal: "SIGKILL" });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_999);
    expect(environment?.log.text()).toContain("flushed");
  });

  it("kills a process without an extension at once", async () => {
    using bundle = writeBundle(onTerminate(false, true));
    await using lambda = createFunction(bundle);
    await lambda.provision(1);
    const [environment] = lambda.environments;
    expect(await lambda.shutdownEnvironment(environment!)).toEqual({
      code: null,
      signal: "SIGKILL",
    });
    expect(environment?.log.text()).not.toContain("flushed");
  });

  it("waits for the invocation that runs, and takes no other", async () => {
    using bundle = writeBundle(HELD);
    await using lambda = createFunction({ ...bundle, timeoutMs: 60_000 });
    await lambda.provision(1);
    const [environment] = lambda.environments;
    const pending = lambda.invoke({});
    const shutdown = lambda.shutdownEnvironment(environment!);
    letGo([environment!]);
    expect((await pending).functionError).toBeUndefined();
    expect((await shutdown)?.signal).toBe("SIGKILL");
    expect(environment?.hasRoom).toBe(false);
  });

  it("of the function refuses what waits and what comes later", async () => {
    using bundle = writeBundle(HELD);
    await using lambda = createFunction({ ...bundle, maxEnvironments: 1, timeoutMs: 200 });
    const running = lambda.invoke({});
    const waiting = lambda.invoke({});
    const [environment] = lambda.environments;
    const closed = lambda.close();
    await expect(waiting).rejects.toThrow("closed");
    await expect(lambda.invoke({})).rejects.toThrow("closed");
    expect((await running).functionError).toBe("Unhandled");
    await closed;
    expect(existsSync(environment?.tmpDir ?? "")).toBe(false);
  });

  it("happens to every environment when the test run is killed", async () => {
    using bundle = writeBundle("export const handler = async () => process.pid;");
    const module = new URL("../support/lambda/lambda-function.ts", import.meta.url).href;
    const script = `
      const { createFunction } = await import(${JSON.stringify(module)});
      const lambda = createFunction(${JSON.stringify(bundle)});
      console.log((await lambda.invoke({})).environment.pid);
    `;
    // It can't clean up after itself, so its temporary files go with the bundle.
    const run = spawn(NODE, ["--input-type=module", "-e", script], {
      env: { ...process.env, TMPDIR: bundle.taskRoot },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output] = (await once(run.stdout, "data")) as [Buffer];
    const pid = Number(output.toString());
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    run.kill("SIGKILL");
    await expect.poll(() => existsSync(`/proc/${pid}`)).toBe(false);
  });
});
