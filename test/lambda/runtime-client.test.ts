// What the metrics' flush relies on in AWS's runtime client. A new version that breaks one of these
// shows here first.

import { performance } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import { writeBundle } from "../support/lambda/bundle.ts";
import { createFunction } from "../support/lambda/lambda-function.ts";
import { needsRuntimeClient } from "../support/lambda/needs-runtime-client.ts";

needsRuntimeClient();

const TURNS = `
  let turns = [];
  const now = () => performance.timeOrigin + performance.now();
  const turn = () => { turns.push(now()); if (turns.length < 3) setImmediate(turn); };
  const run = async ({ delayMs }) => {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    return "x".repeat(100_000);
  };
  export const handler = async (event) => {
    if (event === "turns") return turns;
    turns = [];
    try { return await run(event); } finally { setImmediate(turn); }
  };
`;

describe("the response", () => {
  it.each([
    ["answers at once", 0],
    ["waited for something", 5],
  ])("of a handler that %s leaves before the second turn of setImmediate", async (_, delayMs) => {
    using bundle = writeBundle(TURNS);
    await using lambda = createFunction({ ...bundle, maxEnvironments: 1 });
    await lambda.provision(1);
    const first = await lambda.invoke({ delayMs });
    const postedAt = performance.timeOrigin + first.answeredAtMs;
    const turns = JSON.parse((await lambda.invoke("turns")).payload) as number[];
    expect(turns).toHaveLength(3);
    expect(turns[0]).toBeLessThan(postedAt);
    expect(turns[1]).toBeGreaterThan(postedAt);
  });
});

describe("SIGTERM", () => {
  it("handled by process.exit hangs until SIGKILL: a thread waits for the next event", async () => {
    using bundle = writeBundle(`
      import { startExtension } from "./internal-extension.mjs";
      await startExtension(() => {});
      process.on("SIGTERM", () => process.exit(0));
      export const handler = async () => "done";
    `);
    await using lambda = createFunction(bundle);
    const { environment, finished } = await lambda.invoke({});
    await finished;
    const exit = await lambda.shutdownEnvironment(environment);
    expect(exit?.signal).toBe("SIGKILL");
  });
});

describe("four worker threads that wait for events", () => {
  const COMPRESS = `
    import { promisify } from "node:util";
    import { gzip } from "node:zlib";
    export const handler = async () => (await promisify(gzip)("text")).length;
  `;
  const mode = { maxConcurrency: 8, workerCount: 4 };

  it("leave none for asynchronous compression, files and name look-ups", async () => {
    using bundle = writeBundle(COMPRESS);
    await using lambda = createFunction({ ...bundle, multiConcurrent: mode, timeoutMs: 500 });
    const compress = async () => (await lambda.invoke({})).functionError;
    // At first some threads are still starting.
    await expect.poll(compress).toBe("Unhandled");
  });

  it("leave some when the pool is larger", async () => {
    using bundle = writeBundle(COMPRESS);
    const variables = { UV_THREADPOOL_SIZE: "8" };
    await using lambda = createFunction({ ...bundle, multiConcurrent: mode, variables });
    const results: (string | undefined)[] = [];
    for (let i = 0; i < 20; i++) results.push((await lambda.invoke({})).functionError);
    expect(new Set(results)).toEqual(new Set([undefined]));
  });
});
