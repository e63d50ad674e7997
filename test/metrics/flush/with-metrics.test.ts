import type { Context } from "aws-lambda";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createLog } from "../../../lib/log.ts";
import { openEnvironment } from "../../../lib/metrics/flush/environment.ts";
import { flushBeforeReturn } from "../../../lib/metrics/flush/flusher.ts";
import type { PushOutcome, PushTarget } from "../../../lib/metrics/push/push-target.ts";
import { everyInvocation } from "../../../lib/metrics/flush/strategy.ts";
import { withMetrics, type MeasuredHandler } from "../../../lib/metrics/flush/with-metrics.ts";
import { lambdaContext } from "../../support/api-event.ts";

type Push = () => Promise<PushOutcome>;

/** A wrapped handler over a Pushgateway that answers as told, with what was pushed and logged. */
function wrap<Result>(handler: MeasuredHandler<unknown, Result>, push?: Push) {
  const bodies: string[] = [];
  const lines: string[] = [];
  const take = (body: string) => {
    bodies.push(body);
    return push === undefined ? Promise.resolve({ outcome: "acknowledged" } as const) : push();
  };
  const target: PushTarget = {
    url: "http://pushgateway",
    put: (_key, body) => take(body),
    post: (_key, body) => take(body),
    toRequest() {
      throw new Error("nothing is sent at the end of this process");
    },
  };
  const environment = openEnvironment({
    service: "s",
    stage: "t",
    component: "c",
    version: "1",
    targets: [target],
    log: createLog({ write: (line) => void lines.push(line) }),
  });
  const flusher = flushBeforeReturn(environment, everyInvocation);
  const measured = withMetrics(environment, flusher, handler);
  return { bodies, lines, handler: measured, call: () => measured({}, lambdaContext()) };
}

const valueOf = (body: string | undefined, series: string) =>
  Number(
    body
      ?.split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.split(" ")[1],
  );

const FAULTS: [string, Push][] = [
  ["refuses", () => Promise.resolve({ outcome: "refused", detail: "no" })],
  [
    "answers 400 to everything",
    () => Promise.resolve({ outcome: "refused", status: 400, detail: "no" }),
  ],
  ["never answers", () => Promise.resolve({ outcome: "unanswered", detail: "no" })],
  ["rejects", () => Promise.reject(new Error("no"))],
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["answers garbage", () => Promise.resolve({} as PushOutcome)],
];

afterEach(() => void vi.useRealTimers());

describe("withMetrics", () => {
  it("counts invocations by outcome, and the cold start once", async () => {
    let calls = 0;
    const { call, bodies } = wrap(() => {
      calls += 1;
      return calls === 2 ? Promise.reject(new RangeError("no")) : Promise.resolve("yes");
    });
    expect(await call()).toBe("yes");
    await expect(call()).rejects.toThrow(RangeError);
    expect(await call()).toBe("yes");
    const last = bodies.at(-1);
    expect(valueOf(last, 'lambda_invocations_total{outcome="success"}')).toBe(2);
    expect(valueOf(last, 'lambda_invocations_total{outcome="error"}')).toBe(1);
    expect(valueOf(last, "lambda_cold_starts_total")).toBe(1);
  });

  it.each(FAULTS)("changes no answer when the Pushgateway %s (promise 5)", async (_what, push) => {
    const answer = { the: "answer" };
    const { call } = wrap(() => Promise.resolve(answer), push);
    for (let i = 0; i < 5; i += 1) expect(await call()).toBe(answer);
  });

  it.each(FAULTS)("changes no error when the Pushgateway %s (promise 5)", async (_what, push) => {
    const error = new Error("the handler's own");
    const { call } = wrap(() => Promise.reject(error), push);
    await expect(call()).rejects.toBe(error);
  });

  it("logs a failing Pushgateway once, not at each invocation", async () => {
    const [, refuse] = FAULTS[0] ?? [];
    const { call, lines } = wrap(() => Promise.resolve(1), refuse);
    for (let i = 0; i < 5; i += 1) await call();
    expect(lines.filter((line) => line.includes("a push failed"))).toHaveLength(1);
  });

  it("pushes near the deadline what was recorded so far, though pushes pause", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let isHanging = false;
    const refused = { outcome: "refused", detail: "no" } as const;
    const { call, bodies } = wrap(
      (_event, _context, metrics) => {
        metrics.increment("orders");
        return isHanging ? new Promise(() => {}) : Promise.resolve();
      },
      () => Promise.resolve(refused),
    );
    for (let failures = 0; failures < 3; failures += 1) await call();
    isHanging = true;
    void call();
    await vi.advanceTimersByTimeAsync(lambdaContext().getRemainingTimeInMillis());
    expect(bodies).toHaveLength(4);
    expect(valueOf(bodies[3], "orders_total")).toBe(4);
    expect(valueOf(bodies[3], 'lambda_invocations_total{outcome="timeout"}')).toBe(1);
  });

  it.each([
    { ends: "before", atMs: 500, success: 1, timeout: 0 },
    { ends: "after", atMs: 100, success: 0, timeout: 1 },
  ])(
    "counts an invocation once that ends $ends the watchdog at its deadline",
    async ({ atMs, success, timeout }) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
      const gate = Promise.withResolvers<void>();
      const { call, bodies } = wrap(async (_event, _context, metrics) => {
        metrics.increment("orders");
        await gate.promise;
        metrics.increment("orders");
      });
      const ended = call();
      await vi.advanceTimersByTimeAsync(lambdaContext().getRemainingTimeInMillis() - atMs);
      gate.resolve();
      await ended;
      await vi.advanceTimersByTimeAsync(60_000);
      await call();
      const outcome = (name: string) =>
        valueOf(bodies.at(-1), `lambda_invocations_total{outcome="${name}"}`);
      expect([outcome("success"), outcome("timeout"), outcome("error")]).toEqual([
        success + 1,
        timeout,
        0,
      ]);
      expect(valueOf(bodies.at(-1), "orders_total")).toBe(4);
    },
  );

  it("begins no push that would most likely be cut at the deadline: the next one has it all", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const ends = [140, 1_000].map((leftMs) => lambdaContext().getRemainingTimeInMillis() - leftMs);
    const { call, bodies } = wrap(async (_event, _context, metrics) => {
      metrics.increment("orders");
      await new Promise((resolve) => void setTimeout(resolve, ends.shift()));
    });
    const late = call();
    await vi.advanceTimersByTimeAsync(60_000);
    await late;
    // The watchdog's alone.
    expect(bodies).toHaveLength(1);
    const timely = call();
    await vi.advanceTimersByTimeAsync(60_000);
    await timely;
    expect(bodies).toHaveLength(2);
    expect(valueOf(bodies[1], "orders_total")).toBe(2);
  });

  it("asks nothing of a caller that knows no Lambda, as a handler's own test may", async () => {
    const { handler, bodies } = wrap((_event, _context, metrics) => {
      metrics.increment("orders");
      return Promise.resolve("yes");
    });
    for (const context of [undefined, {}]) {
      expect(await handler({}, context as unknown as Context)).toBe("yes");
    }
    expect(valueOf(bodies.at(-1), "orders_total")).toBe(2);
  });

  it("keeps two overlapping invocations apart (promise 6)", async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const pages: string[] = [];
    let next = 0;
    const { call, bodies } = wrap(async (_event, _context, metrics) => {
      const own = next;
      next += 1;
      metrics.increment("seen", 1, { by: String(own) });
      await gates[own]?.promise;
      pages[own] = await metrics.generateMetrics();
    });
    const both = [call(), call()];
    for (const gate of gates.toReversed()) gate.resolve();
    await Promise.all(both);
    expect(pages[0]).toContain('seen_total{by="0"} 1');
    expect(pages[0]).not.toContain('by="1"');
    expect(pages[1]).not.toContain('by="0"');
    expect(valueOf(bodies.at(-1), 'seen_total{by="0"}')).toBe(1);
    expect(valueOf(bodies.at(-1), 'seen_total{by="1"}')).toBe(1);
  });
});
