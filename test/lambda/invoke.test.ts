import { describe, expect, it } from "vitest";
import { writeBundle } from "../support/lambda/bundle.ts";
import type { InvocationResult } from "../support/lambda/invocation.ts";
import { createFunction } from "../support/lambda/lambda-function.ts";
import { needsRuntimeClient } from "../support/lambda/needs-runtime-client.ts";

needsRuntimeClient();

const parse = (result: InvocationResult) => JSON.parse(result.payload) as Record<string, unknown>;

describe("an invocation that goes well", () => {
  it("gives the handler event and context, and the caller what it returns", async () => {
    using bundle = writeBundle(`
      export const handler = async (event, context) => ({
        event,
        requestId: context.awsRequestId,
        functionName: context.functionName,
        arn: context.invokedFunctionArn,
        remainingMs: context.getRemainingTimeInMillis(),
      });
    `);
    await using lambda = createFunction({ ...bundle, name: "echo", timeoutMs: 60_000 });
    const result = await lambda.invoke({ text: "grüße", list: [1, null] });
    const { remainingMs, ...rest } = parse(result);
    expect(rest).toEqual({
      event: { text: "grüße", list: [1, null] },
      requestId: result.requestId,
      functionName: "echo",
      arn: "arn:aws:lambda:us-east-1:123456789012:function:echo",
    });
    expect(result.functionError).toBeUndefined();
    expect(remainingMs).toBeGreaterThan(30_000);
    expect(remainingMs).toBeLessThanOrEqual(60_000);
    expect((await result.finished).outcome).toBe("completed");
  });

  it("may have variables of each environment's own, as behind an alias of two versions", async () => {
    using bundle = writeBundle("export const handler = async () => process.env.VERSION;");
    const variables = (id: string) => ({ VERSION: `version ${id}` });
    await using lambda = createFunction({ ...bundle, variables });
    await lambda.provision(2);
    const answers = [await lambda.invoke(1), await lambda.invoke(2)];
    expect(answers.map(({ payload }) => payload)).toEqual(['"version 1"', '"version 2"']);
  });

  it("runs with Lambda's variables and the function's own, and nothing of ours", async () => {
    using bundle = writeBundle("export const handler = async () => process.env;");
    await using lambda = createFunction({
      ...bundle,
      name: "variables",
      memoryMb: 256,
      region: "eu-central-1",
      variables: { STAGE: "test", AWS_REGION: "mars-north-1" },
    });
    const result = await lambda.invoke(null);
    const variables = parse(result);
    expect(variables).toMatchObject({
      STAGE: "test",
      AWS_REGION: "eu-central-1",
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
      AWS_LAMBDA_FUNCTION_NAME: "variables",
      AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
      AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
      AWS_LAMBDA_LOG_STREAM_NAME: result.environment.logStream,
      LAMBDA_TASK_ROOT: bundle.taskRoot,
      TMPDIR: result.environment.tmpDir,
      TZ: ":UTC",
      _HANDLER: "index.handler",
    });
    expect(variables["AWS_LAMBDA_RUNTIME_API"]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(variables).not.toHaveProperty("VITEST");
    expect(variables).not.toHaveProperty("AWS_LAMBDA_MAX_CONCURRENCY");
  });

  it("runs under the Node.js of Lambda's runtime", async () => {
    using bundle = writeBundle("export const handler = async () => process.version;");
    await using lambda = createFunction(bundle);
    expect((await lambda.invoke({})).payload).toMatch(/^"v24\./);
  });

  it("keeps what the function wrote in the environment's log", async () => {
    using bundle = writeBundle(`
      export const handler = async () => { console.log("to stdout"); process.stderr.write("to stderr\\n"); };
    `);
    await using lambda = createFunction(bundle);
    const { environment, finished } = await lambda.invoke({});
    await finished;
    await expect
      .poll(() => environment.log.text())
      .toMatch(/to stdout[^]*to stderr|to stderr[^]*to stdout/);
  });
});

describe("a failure of the handler", () => {
  it.each([
    ["throws", 'throw new RangeError("no such symbol");', "RangeError", "no such symbol"],
    ["rejects", 'await Promise.reject(new TypeError("not a date"));', "TypeError", "not a date"],
  ])(
    "that %s is the answer, and the process lives on",
    async (_, code, errorType, errorMessage) => {
      using bundle = writeBundle(`
      let calls = 0;
      export const handler = async (event) => { calls++; if (event.fail) { ${code} } return calls; };
    `);
      await using lambda = createFunction(bundle);
      const failed = await lambda.invoke({ fail: true });
      expect(failed.functionError).toBe("Unhandled");
      expect(parse(failed)).toMatchObject({ errorType, errorMessage });
      expect((await failed.finished).outcome).toBe("completed");
      expect((await lambda.invoke({})).payload).toBe("2");
    },
  );

  it("is answered for a response above 6 MiB", async () => {
    using bundle = writeBundle('export const handler = async (size) => "x".repeat(size);');
    await using lambda = createFunction(bundle);
    const failed = await lambda.invoke(6 * 1024 * 1024 + 99);
    expect(parse(failed)).toEqual({
      errorType: "Function.ResponseSizeTooLarge",
      errorMessage:
        "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).",
    });
    expect((await failed.finished).outcome).toBe("completed");
    expect((await lambda.invoke(6 * 1024 * 1024 + 98)).functionError).toBeUndefined();
  });

  it("refuses an event above 6 MiB before anything starts", async () => {
    using bundle = writeBundle("export const handler = async () => 1;");
    await using lambda = createFunction(bundle);
    await expect(lambda.invoke("x".repeat(6 * 1024 * 1024 + 99))).rejects.toThrow(
      "RequestTooLarge",
    );
    expect(lambda.environments).toHaveLength(0);
  });
});
