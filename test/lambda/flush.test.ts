import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Group } from "../../lib/metrics/family.ts";
import { openPushgateway } from "../../lib/metrics/read/pushgateway.ts";
import { startFaultyProxy, type FaultyProxy } from "../support/faulty-proxy.ts";
import { createFunction, type FunctionOptions } from "../support/lambda/lambda-function.ts";
import { needsRuntimeClient } from "../support/lambda/needs-runtime-client.ts";
import { bundleMeasured, type MeasuredFunctionOptions } from "../support/measured-function.ts";
import { startPushgateway, type TestPushgateway } from "../support/pushgateway.ts";

needsRuntimeClient();

let pushgateway: TestPushgateway;
let proxy: FaultyProxy;
beforeEach(async () => {
  pushgateway = await startPushgateway();
  proxy = await startFaultyProxy({ target: pushgateway.url });
});
afterEach(async () => {
  await proxy.close();
  await pushgateway.close();
});

const POLL = { timeout: 30_000, interval: 20 };

const COUNTING = `async (event, context, metrics) => {
  metrics.increment("orders", event.amount ?? 1);
  return "done";
}`;

async function startFunction(
  handler: string,
  measured: Partial<MeasuredFunctionOptions> = {},
  options: Partial<FunctionOptions> = {},
) {
  const bundle = await bundleMeasured(handler, { pushgatewayUrl: proxy.url, ...measured });
  const lambda = createFunction({ ...bundle, ...options });
  return {
    lambda,
    async [Symbol.asyncDispose]() {
      await lambda.close();
      bundle[Symbol.dispose]();
    },
  };
}

/** What the Pushgateway holds, read past the proxy. */
async function readGroups(): Promise<Group[]> {
  const client = openPushgateway({ url: pushgateway.url, timeoutMs: 30_000 });
  const { groups } = await client.readGroups("measured");
  const all: Group[] = [];
  for await (const group of groups) all.push(group);
  client.close();
  return all;
}

/** The sum of one metric over all groups, or over those with a label. */
async function total(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  let sum = 0;
  for (const { families } of await readGroups()) {
    for (const sample of families.find((family) => family.name === name)?.samples ?? []) {
      const isMeant = Object.entries(labels).every(
        ([label, value]) => sample.labels[label] === value,
      );
      if (isMeant && "value" in sample) sum += sample.value;
    }
  }
  return sum;
}

describe("on Lambda, metrics leave after the response", () => {
  it("answers before the push begins to be answered, and is exact after it", async () => {
    await using fn = await startFunction(COUNTING);
    for (let i = 0; i < 5; i += 1) {
      proxy.inject({ type: "delay-after", delayMs: 300 });
      const result = await fn.lambda.invoke({ amount: 2 });
      expect(result.payload).toBe('"done"');
      expect(result.environment.status).toBe("busy");
      const end = await result.finished;
      expect(end.outcome).toBe("completed");
      expect(end.atMs - result.answeredAtMs).toBeGreaterThan(250);
    }
    expect(fn.lambda.environments).toHaveLength(1);
    expect(await total("orders_total")).toBe(10);
    expect(await total("lambda_invocations_total", { outcome: "success" })).toBe(5);
    expect(await total("lambda_cold_starts_total")).toBe(1);
    expect(await readGroups()).toHaveLength(1);
  });

  it("counts what many environments did", async () => {
    await using fn = await startFunction(COUNTING, {}, { maxEnvironments: 4 });
    const results = await Promise.all(Array.from({ length: 40 }, () => fn.lambda.invoke({})));
    await Promise.all(results.map(({ finished }) => finished));
    expect(await total("orders_total")).toBe(40);
    expect(await readGroups()).toHaveLength(4);
  });

  it("closes the group at shutdown, with everything recorded", async () => {
    const strategy = "adaptive({ intervalMs: 60_000 })";
    await using fn = await startFunction(COUNTING, { strategy }, { shutdownGraceMs: 20_000 });
    for (let i = 0; i < 50; i += 1) await (await fn.lambda.invoke({})).finished;
    expect(await total("orders_total")).toBeLessThan(50);
    const [environment] = fn.lambda.environments;
    if (environment !== undefined) await fn.lambda.shutdownEnvironment(environment);
    expect(await total("orders_total")).toBe(50);
    expect(await total("metrics_closed")).toBe(1);
  });

  it("has one extension for all handlers of a module, and one end", async () => {
    const beside = `
      const count = async (event, context, metrics) => void metrics.increment("orders");
      const others = await Promise.all(
        Array.from({ length: 11 }, (_, i) => open("fn" + i, count)),
      );`;
    const calling = `async (event, context, metrics) => {
      metrics.increment("orders");
      for (const { measured } of others) await measured(event, context);
      return [flusher, ...others.map((other) => other.flusher)].map(({ mode }) => mode);
    }`;
    await using fn = await startFunction(calling, { beside }, { shutdownGraceMs: 20_000 });
    for (let i = 1; i <= 3; i += 1) {
      const result = await fn.lambda.invoke({});
      expect(new Set(JSON.parse(result.payload) as string[])).toEqual(new Set(["extension"]));
      expect((await result.finished).outcome).toBe("completed");
      expect(await total("orders_total")).toBe(12 * i);
    }
    const [environment] = fn.lambda.environments;
    if (environment === undefined) throw new Error("expected an environment");
    const exit = await fn.lambda.shutdownEnvironment(environment);
    expect(exit?.signal).toBe("SIGTERM");
    expect(await total("metrics_closed")).toBe(12);
    expect(environment.log.text()).not.toContain("MaxListenersExceededWarning");
  });

  it("says the last words of all handlers of a module when their process ends", async () => {
    const beside = `
      const count = async (event, context, metrics) => void metrics.increment("orders");
      const others = await Promise.all([1, 2, 3].map((i) => open("fn" + i, count)));`;
    const ending = `async (event, context, metrics) => {
      metrics.increment("orders");
      for (const { measured } of others) await measured(event, context);
      process.exit(1);
    }`;
    await using fn = await startFunction(ending, { beside });
    const ended = await fn.lambda.invoke({});
    expect((await ended.finished).outcome).toBe("crash");
    expect(await total("orders_total")).toBe(4);
    expect(await total("metrics_closed")).toBe(4);
  });

  const HANGING = `async (event, context, metrics) => {
    metrics.increment("orders");
    if (!event.hangs) return;
    environment.merge(metrics);
    void environment.flush();
    await new Promise((resolve) => setTimeout(resolve, 100));
    metrics.increment("orders", 10);
    process.kill(process.pid, "SIGTERM");
    await new Promise(() => {});
  }`;

  it("closes its group at SIGTERM though a push hangs, which is sent again and says nothing more", async () => {
    await using fn = await startFunction(HANGING, { pushTimeoutMs: 60_000 }, { timeoutMs: 60_000 });
    await (
      await fn.lambda.invoke({})
    ).finished;
    proxy.inject({ type: "delay-before", delayMs: 3_000 });
    const result = await fn.lambda.invoke({ hangs: true });
    expect((await result.finished).outcome).toBe("crash");
    expect(result.payload).toContain("signal: SIGTERM");
    expect(await total("orders_total")).toBe(12);
    expect(await total("metrics_closed")).toBe(2);
    await proxy.settled();
    expect(await total("orders_total")).toBe(12);
    expect(await total("lambda_invocations_total")).toBe(2);
    expect(await readGroups()).toHaveLength(2);
  });

  it("ends at SIGTERM in its time though nobody answers", async () => {
    const limits = { pushTimeoutMs: 60_000, shutdownTimeoutMs: 300 };
    await using fn = await startFunction(HANGING, limits, { timeoutMs: 60_000 });
    const hang = { type: "delay-before", delayMs: 60_000 } as const;
    proxy.inject(hang, hang, hang);
    const result = await fn.lambda.invoke({ hangs: true });
    // Long before any push is given up.
    expect((await result.finished).outcome).toBe("crash");
    expect(result.payload).toContain("signal: SIGTERM");
  });

  it("loses nothing at shutdown to a pause of pushes", async () => {
    await using fn = await startFunction(COUNTING, {}, { shutdownGraceMs: 20_000 });
    await proxy.refuseConnections();
    for (let i = 0; i < 5; i += 1) await (await fn.lambda.invoke({})).finished;
    await proxy.acceptConnections();
    const [environment] = fn.lambda.environments;
    if (environment !== undefined) await fn.lambda.shutdownEnvironment(environment);
    expect(await total("orders_total")).toBe(5);
    expect(await total("metrics_closed")).toBe(1);
  });

  it("lets go of an invocation that never reaches the measured handler, and goes on with the next", async () => {
    const wrap = `async (event, context) => (event.isWarmUp ? "warm" : measured(event, context))`;
    await using fn = await startFunction(COUNTING, { wrap }, { timeoutMs: 20_000 });
    for (let i = 1; i <= 2; i += 1) {
      const warm = await fn.lambda.invoke({ isWarmUp: true });
      expect(warm.payload).toBe('"warm"');
      expect((await warm.finished).outcome).toBe("completed");
      const result = await fn.lambda.invoke({});
      expect((await result.finished).outcome).toBe("completed");
      expect(await total("orders_total")).toBe(i);
    }
    expect(fn.lambda.environments[0]?.initCount).toBe(1);
  });

  it("flushes before a timeout kills the process, with outcome timeout", async () => {
    const hanging = `async (event, context, metrics) => {
      metrics.increment("orders");
      if (event.hangs) await new Promise((resolve) => setTimeout(resolve, 60_000));
    }`;
    await using fn = await startFunction(hanging, {}, { timeoutMs: 6_000 });
    await (
      await fn.lambda.invoke({})
    ).finished;
    const timedOut = await fn.lambda.invoke({ hangs: true });
    expect((await timedOut.finished).outcome).toBe("timeout");
    await (
      await fn.lambda.invoke({})
    ).finished;
    expect(await total("orders_total")).toBe(3);
    expect(await total("lambda_invocations_total", { outcome: "timeout" })).toBe(1);
    expect(await total("lambda_invocations_total", { outcome: "success" })).toBe(2);
    expect(await readGroups()).toHaveLength(2);
  });

  it("counts an invocation that throws, and what it recorded", async () => {
    const throwing = `async (event, context, metrics) => {
      metrics.increment("orders");
      throw new RangeError("no");
    }`;
    await using fn = await startFunction(throwing);
    const result = await fn.lambda.invoke({});
    expect(result.payload).toContain("RangeError");
    await result.finished;
    expect(await total("orders_total")).toBe(1);
    expect(await total("lambda_invocations_total", { outcome: "error" })).toBe(1);
  });

  const ENDING = `async (event, context, metrics) => {
    metrics.increment("orders");
    if (event.ends === undefined) return;
    environment.merge(metrics);
    if (event.isPushing) void environment.flush();
    await new Promise((resolve) => setTimeout(resolve, 100));
    metrics.increment("orders");
    if (event.ends === "exit") process.exit(1);
    if (event.ends === "rejection") void Promise.reject(new Error("nobody handles this"));
    if (event.ends === "exception") setTimeout(() => { throw new Error("nobody catches this"); });
    await new Promise(() => {});
  }`;

  it.each(["exception", "rejection", "exit"])(
    "loses nothing to a process that ends (%s), and closes its group",
    async (ends) => {
      await using fn = await startFunction(ENDING);
      await (
        await fn.lambda.invoke({})
      ).finished;
      const ended = await fn.lambda.invoke({ ends });
      expect((await ended.finished).outcome).toBe("crash");
      expect(await total("orders_total")).toBe(3);
      expect(await total("lambda_invocations_total", { outcome: "error" })).toBe(1);
      expect(await total("metrics_closed")).toBe(1);
      expect(await readGroups()).toHaveLength(1);
    },
  );

  it("counts once what a process that ends was just pushing, though that arrives last", async () => {
    await using fn = await startFunction(ENDING);
    proxy.inject({ type: "delay-before", delayMs: 2_000 });
    const ended = await fn.lambda.invoke({ ends: "exception", isPushing: true });
    expect((await ended.finished).outcome).toBe("crash");
    expect(proxy.requests.length).toBe(3);
    await proxy.settled();
    expect(await total("orders_total")).toBe(2);
    expect(await total("lambda_invocations_total")).toBe(1);
    expect(await readGroups()).toHaveLength(2);
  });

  it("loses nothing recorded in an init phase that fails", async () => {
    const atInit = `
      const init = environment.startInvocation();
      init.increment("loads");
      environment.merge(init);
      if (process.env.FAILS) throw new Error("no init");`;
    await using fn = await startFunction(COUNTING, { atInit }, { variables: { FAILS: "yes" } });
    const failed = await fn.lambda.invoke({});
    expect((await failed.finished).outcome).toBe("init-failure");
    const inits = fn.lambda.environments.reduce((all, { initCount }) => all + initCount, 0);
    expect(inits).toBeGreaterThan(0);
    expect(await total("loads_total")).toBe(inits);
    expect(await total("metrics_closed")).toBe(inits);
  });

  it("ends the process all the same when nobody answers its last push, and says so", async () => {
    await using fn = await startFunction(ENDING, { exitTimeoutMs: 300 });
    await (
      await fn.lambda.invoke({})
    ).finished;
    proxy.inject({ type: "delay-before", delayMs: 60_000 });
    const ended = await fn.lambda.invoke({ ends: "exit" });
    expect((await ended.finished).outcome).toBe("crash");
    expect(ended.environment.log.text()).toContain('"isEverythingPushed":false');
  });

  it("loses nothing while the Pushgateway is down, and changes no answer", async () => {
    await using fn = await startFunction(COUNTING);
    await proxy.refuseConnections();
    for (let i = 0; i < 6; i += 1) {
      const result = await fn.lambda.invoke({});
      expect(result.payload).toBe('"done"');
      expect((await result.finished).outcome).toBe("completed");
    }
    await proxy.acceptConnections();
    const deadline = Date.now() + POLL.timeout;
    let sent = 6;
    while ((await total("orders_total")) !== sent && Date.now() < deadline) {
      await (
        await fn.lambda.invoke({})
      ).finished;
      sent += 1;
    }
    expect(await total("orders_total")).toBe(sent);
  });

  it("never ends a function's time by a Pushgateway that hangs", async () => {
    await using fn = await startFunction(COUNTING, { pushTimeoutMs: 30_000 }, { timeoutMs: 4_000 });
    proxy.inject({ type: "delay-before", delayMs: 8_000 });
    const result = await fn.lambda.invoke({});
    expect(result.payload).toBe('"done"');
    expect((await result.finished).outcome).toBe("completed");
    await (
      await fn.lambda.invoke({})
    ).finished;
    await proxy.settled();
    await (
      await fn.lambda.invoke({})
    ).finished;
    expect(await total("orders_total")).toBe(3);
  });

  it.each([
    ["was answered meanwhile", () => proxy.settled(), 1],
    [
      "lost its socket",
      async () => {
        await proxy.refuseConnections();
        await proxy.acceptConnections();
      },
      2,
    ],
  ])(
    "counts once a push that was frozen past its time, and %s",
    async (_what, meanwhile, maxGroups) => {
      const pushTimeoutMs = 2_000;
      await using fn = await startFunction(COUNTING, { pushTimeoutMs }, { timeoutMs: 60_000 });
      proxy.inject({ type: "delay-after", delayMs: 300 });
      const frozen = await fn.lambda.invoke({});
      await expect.poll(() => proxy.requests.length, { ...POLL, interval: 5 }).toBe(1);
      frozen.environment.freeze();
      await meanwhile();
      await delay(pushTimeoutMs);
      frozen.environment.thaw();
      expect((await frozen.finished).outcome).toBe("completed");
      await (
        await fn.lambda.invoke({})
      ).finished;
      await proxy.settled();
      expect(await total("orders_total")).toBe(2);
      expect(await total("metrics_uncertain_total")).toBe(0);
      expect((await readGroups()).length).toBeLessThanOrEqual(maxGroups);
    },
  );

  it("pushes on a fresh connection when the idle one has died in a freeze", async () => {
    await using fn = await startFunction(COUNTING);
    await (
      await fn.lambda.invoke({})
    ).finished;
    await proxy.refuseConnections();
    await proxy.acceptConnections();
    await (
      await fn.lambda.invoke({})
    ).finished;
    expect(await total("orders_total")).toBe(2);
    expect(await total("metrics_push_failures_total")).toBe(0);
  });
});

describe("on Lambda Managed Instances, a timer flushes", () => {
  it("counts overlapping invocations of several worker threads, each under an id of its own", async () => {
    const slow = `async (event, context, metrics) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      metrics.increment("orders");
    }`;
    await using fn = await startFunction(
      slow,
      { isMultiConcurrent: true },
      { multiConcurrent: { maxConcurrency: 8, workerCount: 2 }, maxEnvironments: 1 },
    );
    await Promise.all(Array.from({ length: 60 }, () => fn.lambda.invoke({})));
    const deadline = Date.now() + POLL.timeout;
    while ((await total("orders_total")) !== 60 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await total("orders_total")).toBe(60);
    expect(await readGroups()).toHaveLength(2);
  });

  it("counts an invocation that is given up at its deadline, once, and keeps pushing", async () => {
    const hanging = `async (event, context, metrics) => {
      metrics.increment("orders");
      if (event.hangs) await new Promise((resolve) => setTimeout(resolve, 5_500));
    }`;
    await using fn = await startFunction(
      hanging,
      { isMultiConcurrent: true },
      {
        multiConcurrent: { maxConcurrency: 4, workerCount: 1 },
        maxEnvironments: 1,
        timeoutMs: 4_000,
      },
    );
    const [late] = await Promise.all([fn.lambda.invoke({ hangs: true }), fn.lambda.invoke({})]);
    expect((await late.finished).outcome).toBe("timeout");
    await expect.poll(() => total("orders_total"), POLL).toBe(2);
    await fn.lambda.invoke({});
    await expect.poll(() => total("orders_total"), POLL).toBe(3);
    expect(await total("lambda_invocations_total", { outcome: "timeout" })).toBe(1);
    expect(await total("lambda_invocations_total", { outcome: "success" })).toBe(2);
    expect(await readGroups()).toHaveLength(1);
  });

  it("loses nothing to a worker thread that ends by an exception", async () => {
    const ending = `async (event, context, metrics) => {
      metrics.increment("orders");
      setTimeout(() => { throw new Error("nobody catches this"); });
      await new Promise(() => {});
    }`;
    await using fn = await startFunction(
      ending,
      { isMultiConcurrent: true },
      { multiConcurrent: { maxConcurrency: 1, workerCount: 1 }, maxEnvironments: 1 },
    );
    await fn.lambda.invoke({});
    expect(await total("orders_total")).toBe(1);
    expect(await total("metrics_closed")).toBe(1);
  });
});
