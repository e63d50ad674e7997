import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeBundle } from "../support/lambda/bundle.ts";
import type { InvocationResult } from "../support/lambda/invocation.ts";
import { createFunction } from "../support/lambda/lambda-function.ts";
import { needsRuntimeClient } from "../support/lambda/needs-runtime-client.ts";

needsRuntimeClient();

const parse = (result: InvocationResult) => JSON.parse(result.payload) as Record<string, unknown>;

/** A handler that ends its process in the way it is told, and says otherwise what is left of before. */
const FRAGILE = `
  import { appendFileSync, readFileSync } from "node:fs";
  import { startExtension } from "./internal-extension.mjs";
  let calls = 0;
  if (process.env.SLOW_EXTENSION) await startExtension(() => new Promise(() => {}));
  const notes = process.env.TMPDIR + "/notes";
  const forever = () => new Promise(() => setInterval(() => {}, 1000));
  export const handler = async (how, context) => {
    calls++;
    appendFileSync(notes, "x");
    if (how === "hang") await forever();
    if (how === "exit") process.exit(3);
    if (how === "exit 0") process.exit(0);
    if (how === "throw later") { setImmediate(() => { throw new Error("uncaught"); }); await forever(); }
    if (how === "abort") process.abort();
    return { calls, notes: readFileSync(notes, "utf8").length, logStream: context.logStreamName };
  };
`;

describe("a timeout", () => {
  it("is answered at the deadline, and the same environment starts anew", async () => {
    using bundle = writeBundle(FRAGILE);
    await using lambda = createFunction({ ...bundle, timeoutMs: 6_000 });
    const first = await lambda.invoke("fine");
    await first.finished;
    const late = await lambda.invoke("hang");
    expect(parse(late)).toEqual({
      errorType: "Sandbox.Timedout",
      errorMessage: `RequestId: ${late.requestId} Error: Task timed out after 6.00 seconds`,
    });
    expect(late.answeredAtMs - late.takenAtMs).toBeGreaterThanOrEqual(5_999);
    expect((await late.finished).outcome).toBe("timeout");
    expect(late.environment.status).toBe("reset");

    const next = await lambda.invoke("fine");
    expect(next.environment).toBe(first.environment);
    expect(next.environment.initCount).toBe(2);
    // Memory is new, /tmp and the log stream are the old ones.
    expect(parse(next)).toEqual({ calls: 1, notes: 3, logStream: first.environment.logStream });
  });

  it("counts the extension's time, and leaves the response as it was", async () => {
    using bundle = writeBundle(FRAGILE);
    const variables = { SLOW_EXTENSION: "1" };
    await using lambda = createFunction({ ...bundle, variables, timeoutMs: 4_000 });
    const result = await lambda.invoke("fine");
    expect(result.functionError).toBeUndefined();
    expect(result.environment.status).toBe("busy");
    const end = await result.finished;
    expect(end.outcome).toBe("timeout");
    expect(end.atMs - result.takenAtMs).toBeGreaterThanOrEqual(3_999);
    expect(result.environment.status).toBe("reset");
  });
});

describe("a crash", () => {
  it.each([
    ["exit", "Runtime exited with error: exit status 3"],
    ["exit 0", "Runtime exited without providing a reason"],
    ["throw later", "Runtime exited with error: exit status 1"],
    ["abort", "Runtime exited with error: signal: SIGABRT"],
  ])("by %s is the answer, and the same environment starts anew", async (how, reason) => {
    using bundle = writeBundle(FRAGILE);
    await using lambda = createFunction(bundle);
    const crashed = await lambda.invoke(how);
    expect(parse(crashed)).toEqual({
      errorType: "Runtime.ExitError",
      errorMessage: `RequestId: ${crashed.requestId} Error: ${reason}`,
    });
    expect((await crashed.finished).outcome).toBe("crash");
    const next = await lambda.invoke("fine");
    expect(next.environment).toBe(crashed.environment);
    expect(parse(next)).toMatchObject({ calls: 1, notes: 2 });
  });

  it("between invocations shows only in a new init", async () => {
    using bundle = writeBundle(FRAGILE);
    await using lambda = createFunction(bundle);
    const { environment, finished } = await lambda.invoke("fine");
    await finished;
    await environment.crash();
    expect(environment.status).toBe("reset");
    expect(parse(await lambda.invoke("fine"))).toMatchObject({ calls: 1, notes: 2 });
    expect(environment.initCount).toBe(2);
  });

  it("is told from a kill, a timeout and a shutdown, process by process", async () => {
    using bundle = writeBundle(FRAGILE);
    await using lambda = createFunction({ ...bundle, timeoutMs: 5_000 });
    const { environment } = await lambda.invoke("exit");
    for (const event of ["hang", "fine"]) await (await lambda.invoke(event)).finished;
    await environment.crash();
    await (
      await lambda.invoke("fine")
    ).finished;
    const { pid } = environment;
    await lambda.shutdownEnvironment(environment);
    const { ends } = environment;
    expect(ends.map(({ by }) => by)).toEqual(["itself", "timeout", "crash", "shutdown"]);
    expect(ends[0]?.exit).toEqual({ code: 3, signal: null });
    expect(ends[3]?.pid).toBe(pid);
    expect(new Set(ends.map((end) => end.pid)).size).toBe(4);
  });

  it("writes its last words to the log", async () => {
    using bundle = writeBundle(FRAGILE);
    await using lambda = createFunction(bundle);
    const { environment, finished } = await lambda.invoke("throw later");
    await finished;
    expect(environment.log.text()).toContain("Error: uncaught");
    expect(environment.log.text()).toContain("LAMBDA Runtime exited with error: exit status 1");
  });
});

describe("a failed init", () => {
  it.each([
    ["throws", 'throw new RangeError("no table");', "RangeError", "no table"],
    ["exits", "process.exit(5);", "Runtime.ExitError", "exit status 5"],
    [
      "lacks the handler",
      "",
      "Runtime.HandlerNotFound",
      "index.handler is undefined or not exported",
    ],
  ])(
    "that %s is tried twice, then answered, and tried again next time",
    async (_, code, type, message) => {
      using bundle = writeBundle(`${code}\nexport const other = 1;`);
      await using lambda = createFunction(bundle);
      const failed = await lambda.invoke({});
      const { errorType, errorMessage } = parse(failed);
      expect(failed.functionError).toBe("Unhandled");
      expect(errorType).toBe(type);
      expect(errorMessage).toContain(message);
      expect((await failed.finished).outcome).toBe("init-failure");
      // Once in the init phase, once within the invocation; from then on only within invocations.
      expect(failed.environment.initCount).toBe(2);
      await (
        await lambda.invoke({})
      ).finished;
      expect(failed.environment.initCount).toBe(3);
    },
  );

  it("is forgotten when a later one goes well", async () => {
    using bundle = writeBundle(`
      import { existsSync } from "node:fs";
      if (!existsSync(process.env.TMPDIR + "/ready")) throw new Error("not ready");
      export const handler = async () => "ready";
    `);
    await using lambda = createFunction(bundle);
    const { environment, finished } = await lambda.invoke({});
    await finished;
    writeFileSync(join(environment.tmpDir, "ready"), "");
    expect((await lambda.invoke({})).payload).toBe('"ready"');
  });

  it("that takes too long is given up, and done again on the invocation's time", async () => {
    using bundle = writeBundle("await new Promise(() => setInterval(() => {}, 1000));");
    await using lambda = createFunction({ ...bundle, initTimeoutMs: 200, timeoutMs: 300 });
    const result = await lambda.invoke({});
    expect(parse(result)).toMatchObject({ errorType: "Sandbox.Timedout" });
    expect(result.answeredAtMs - result.takenAtMs).toBeGreaterThanOrEqual(499);
    expect(result.startedAtMs).toBeUndefined();
    expect((await result.finished).outcome).toBe("timeout");
    expect(result.environment.initCount).toBe(2);
  });

  it("fails provisioning, with the log", async () => {
    using bundle = writeBundle(
      'console.log("looking for the table"); throw new Error("no table");',
    );
    await using lambda = createFunction(bundle);
    await expect(lambda.provision(1)).rejects.toThrow(/exit status 1[^]*looking for the table/);
  });
});
