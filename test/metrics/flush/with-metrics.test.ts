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
  const call = withMetrics(environment, flusher, handler);
  return { bodies, lines, call: () => call({}, lambdaContext()) };
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
