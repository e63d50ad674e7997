import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeBundle } from "../support/lambda/bundle.ts";
import { createFunction } from "../support/lambda/lambda-function.ts";
import { needsRuntimeClient } from "../support/lambda/needs-runtime-client.ts";

needsRuntimeClient();

const MODE = { maxConcurrency: 4, workerCount: 2 };

/** Says that it has started; when the test lets it go, answers its thread and how many run there. */
const HELD = `
  import { threadId } from "node:worker_threads";
  import { fileAppears } from "./internal-extension.mjs";
  let running = 0;
  export const handler = async (file) => {
    running++;
    console.log("started");
    await fileAppears(file);
    return { threadId, running: running-- };
  };
`;

it("runs several invocations at once in one process, in its worker threads", async () => {
  using bundle = writeBundle(HELD);
  await using lambda = createFunction({
    ...bundle,
    multiConcurrent: MODE,
    maxEnvironments: 1,
    timeoutMs: 20_000,
  });
  await lambda.provision(1);
  const [environment] = lambda.environments;
  const pending = [1, 2, 3, 4].map(() => lambda.invoke("go"));
  expect(environment?.hasRoom).toBe(false);
  await expect.poll(() => environment?.log.text().match(/started/g)).toHaveLength(4);
  writeFileSync(join(environment?.tmpDir ?? "", "go"), "");
  const results = (await Promise.all(pending)).map(
    ({ payload }) => JSON.parse(payload) as { threadId: number; running: number },
  );
  expect(results.some(({ running }) => running > 1)).toBe(true);
  expect(results.every(({ threadId }) => threadId > 0)).toBe(true);
  expect(environment?.isFrozen).toBe(false);
});

it("starts another environment beyond the maximum concurrency", async () => {
  using bundle = writeBundle(HELD);
  const multiConcurrent = { maxConcurrency: 2, workerCount: 1 };
  await using lambda = createFunction({ ...bundle, multiConcurrent, timeoutMs: 20_000 });
  const pending = [1, 2, 3].map(() => lambda.invoke("go"));
  expect(lambda.environments).toHaveLength(2);
  for (const { tmpDir } of lambda.environments) writeFileSync(join(tmpDir, "go"), "");
  const environments = (await Promise.all(pending)).map(({ environment }) => environment.id);
  expect(environments).toEqual(["1", "1", "2"]);
});

it("gives up an invocation at its deadline, and the process and the others live on", async () => {
  using bundle = writeBundle(HELD);
  await using lambda = createFunction({ ...bundle, multiConcurrent: MODE, timeoutMs: 4_000 });
  await lambda.provision(1);
  const [environment] = lambda.environments;
  const late = await lambda.invoke("never");
  expect(JSON.parse(late.payload)).toMatchObject({ errorType: "Sandbox.Timedout" });
  expect((await late.finished).outcome).toBe("timeout");
  writeFileSync(join(environment?.tmpDir ?? "", "go"), "");
  const next = await lambda.invoke("go");
  expect(next.functionError).toBeUndefined();
  expect(environment?.initCount).toBe(1);
});

it("lets internal extensions register for no event, and each name once for all threads", async () => {
  using bundle = writeBundle(`
    import { nextEvent, register } from "./internal-extension.mjs";
    const answers = [];
    for (const [name, events] of [["a", ["INVOKE"]], ["a", ["SHUTDOWN"]], ["b", []], ["b", []]]) {
      const { id, status, text } = await register(name, events);
      answers.push([status, JSON.parse(text).errorType]);
      if (id !== undefined) void nextEvent(id);
    }
    export const handler = async () => answers;
  `);
  const multiConcurrent = { maxConcurrency: 2, workerCount: 1 };
  await using lambda = createFunction({ ...bundle, multiConcurrent });
  expect(JSON.parse((await lambda.invoke({})).payload)).toEqual([
    [403, "Extension.InvalidEventType"],
    [403, "Extension.InvalidEventType"],
    [200, null],
    [403, "Extension.InvalidExtensionState"],
  ]);
});
