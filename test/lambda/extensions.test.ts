import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeBundle } from "../support/lambda/bundle.ts";
import { createFunction } from "../support/lambda/lambda-function.ts";
import { needsRuntimeClient } from "../support/lambda/needs-runtime-client.ts";

needsRuntimeClient();

describe("an internal extension", () => {
  it("works on after the response, and keeps its environment from the next invocation", async () => {
    using bundle = writeBundle(`
      import { fileAppears, startExtension } from "./internal-extension.mjs";
      await startExtension(() => fileAppears("flushed"));
      export const handler = async () => "done";
    `);
    await using lambda = createFunction({ ...bundle, timeoutMs: 60_000 });
    const first = await lambda.invoke({});
    expect(first.payload).toBe('"done"');
    expect(first.environment.status).toBe("busy");
    const second = await lambda.invoke({});
    expect(second.environment).not.toBe(first.environment);

    writeFileSync(join(first.environment.tmpDir, "flushed"), "");
    const end = await first.finished;
    expect(end.outcome).toBe("completed");
    expect(end.atMs).toBeGreaterThan(second.answeredAtMs);
    expect(first.environment.status).toBe("idle");
    writeFileSync(join(second.environment.tmpDir, "flushed"), "");
    await second.finished;
  });

  it("gets each invocation's event, while the handler runs", async () => {
    using bundle = writeBundle(`
      import { startExtension } from "./internal-extension.mjs";
      const event = Promise.withResolvers();
      await startExtension(event.resolve);
      export const handler = async (_, context) => ({
        ...(await event.promise),
        contextDeadlineMs: Date.now() + context.getRemainingTimeInMillis(),
      });
    `);
    await using lambda = createFunction(bundle);
    const result = await lambda.invoke({});
    const event = JSON.parse(result.payload) as Record<string, unknown>;
    expect(event).toMatchObject({
      eventType: "INVOKE",
      requestId: result.requestId,
      invokedFunctionArn: lambda.arn,
    });
    const apart = Number(event["deadlineMs"]) - Number(event["contextDeadlineMs"]);
    expect(Math.abs(apart)).toBeLessThan(1_000);
  });

  it("keeps init from ending until it asks for its first event", async () => {
    using bundle = writeBundle(`
      import { fileAppears, nextEvent, register } from "./internal-extension.mjs";
      const { id } = await register();
      void fileAppears("ready").then(() => nextEvent(id));
      export const handler = async () => "done";
    `);
    await using lambda = createFunction(bundle);
    const provisioned = lambda.provision(1);
    const [environment] = lambda.environments;
    await expect.poll(() => environment?.pid).toBeDefined();
    expect(environment?.status).toBe("initializing");
    writeFileSync(join(environment?.tmpDir ?? "", "ready"), "");
    await provisioned;
    expect(environment?.status).toBe("idle");
  });

  it("without events holds up no invocation", async () => {
    using bundle = writeBundle(`
      import { nextEvent, register } from "./internal-extension.mjs";
      const { id } = await register("silent", []);
      void nextEvent(id).then(() => process.exit(1));
      export const handler = async () => "done";
    `);
    await using lambda = createFunction(bundle);
    const result = await lambda.invoke({});
    expect((await result.finished).outcome).toBe("completed");
  });
});

/** Each registration is tried in the init phase; the handler answers how it went. */
const refusals = (attempts: string) => `
  import { nextEvent, register } from "./internal-extension.mjs";
  const answers = [];
  // A long poll alone keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  const attempt = async (call) => {
    const { status, text } = await call;
    answers.push([status, JSON.parse(text).errorType]);
  };
  ${attempts}
  export const handler = async () => {
    clearInterval(alive);
    await attempt(register("too late"));
    return answers;
  };
`;
const LATE = [403, "Extension.RegistrationClosed"];

describe("a registration", () => {
  it.each([
    ["for INVOKE is taken", 'register("a")', [200, null]],
    ["for nothing is taken", 'register("a", [])', [200, null]],
    ["for SHUTDOWN is refused", 'register("a", ["SHUTDOWN"])', [403, "Extension.InvalidEventType"]],
    [
      "for another event is refused",
      'register("a", ["SLEEP"])',
      [403, "Extension.InvalidEventType"],
    ],
    ["without a name is refused", 'register("")', [403, "Extension.InvalidExtensionName"]],
    ["that isn't a list is refused", 'register("a", "INVOKE")', [403, "InvalidRequestFormat"]],
  ])("%s, and after init none is", async (_, call, expected) => {
    // What was taken would have to ask for its first event before init can end.
    using bundle = writeBundle(
      refusals(`
        const pending = ${call};
        await attempt(pending);
        const { id } = await pending;
        if (id !== undefined) void nextEvent(id);
      `),
    );
    await using lambda = createFunction({ ...bundle, timeoutMs: 6_000 });
    expect(JSON.parse((await lambda.invoke({})).payload)).toEqual([expected, LATE]);
  });

  it("under a name that is taken, and the eleventh, are refused", async () => {
    using bundle = writeBundle(
      refusals(`
        for (let i = 0; i < 10; i++) void nextEvent((await register("number " + i, [])).id);
        await attempt(register("number 3", []));
        await attempt(register("number 10", []));
      `),
    );
    await using lambda = createFunction(bundle);
    expect(JSON.parse((await lambda.invoke({})).payload)).toEqual([
      [403, "Extension.InvalidExtensionState"],
      [403, "Extension.TooManyExtensions"],
      LATE,
    ]);
  });
});

describe("asking for the next event", () => {
  it("is refused without an id, with a wrong one, and twice at once", async () => {
    using bundle = writeBundle(
      refusals(`
        const { id } = await register("a", []);
        void nextEvent(id);
        await attempt(nextEvent(id));
        await attempt(nextEvent(""));
        await attempt(nextEvent("a"));
        await attempt(nextEvent(crypto.randomUUID()));
      `),
    );
    await using lambda = createFunction(bundle);
    expect(JSON.parse((await lambda.invoke({})).payload)).toEqual([
      [403, "Extension.InvalidExtensionState"],
      [403, "Extension.MissingExtensionIdentifier"],
      [403, "Extension.InvalidExtensionIdentifier"],
      [403, "Extension.UnknownExtensionIdentifier"],
      LATE,
    ]);
  });
});
