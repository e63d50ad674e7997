import { describe, expect, it } from "vitest";
import {
  openEnvironment,
  type Environment,
  type EnvironmentOptions,
} from "../../../lib/metrics/flush/environment.ts";
import type { PushTarget } from "../../../lib/metrics/push/push-target.ts";
import { REFUSAL_REASONS } from "../../../lib/metrics/record/refusal.ts";
import { createTestClock } from "../../support/clock.ts";
import { readExposition, sampleLines } from "../../support/exposition.ts";
import { createTestLog } from "../../support/log.ts";
import { checkMetrics, isPromtoolMissing } from "../../support/promtool.ts";
import { createScriptedTarget, type ScriptedTarget } from "../../support/scripted-target.ts";

function open(over: Partial<EnvironmentOptions> = {}) {
  const target = createScriptedTarget();
  const clock = createTestClock();
  const { log, lines } = createTestLog();
  const environment = openEnvironment({
    service: "trades",
    stage: "test",
    component: "list-trades",
    version: "1.2.3",
    targets: [target],
    log,
    clock: clock.now,
    ...over,
  });
  return {
    target,
    clock,
    lines,
    environment,
    /** One invocation that increments a counter, merged. */
    invoke: (name = "orders_total", value = 1) => {
      const metrics = environment.startInvocation();
      metrics.increment(name, value);
      environment.merge(metrics);
    },
    messages: () => lines.map(({ message }) => message),
  };
}

/** A target that answers only when it is told to. */
function createGate(target: PushTarget) {
  const waiting: (() => void)[] = [];
  const gate =
    (method: "put" | "post"): PushTarget["put"] =>
    async (...call) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return target[method](...call);
    };
  return {
    target: { ...target, put: gate("put"), post: gate("post") },
    waiting,
    /** Lets one request through, and whatever follows from it happen. */
    open: async () => {
      await nextTurn();
      waiting.shift()?.();
      await nextTurn();
    },
  };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe("what comes to light after its invocation", () => {
  it("leaves with the next flush, and with the last one of a process that ends", async () => {
    const { target, environment } = open();
    const metrics = environment.startInvocation();
    environment.merge(metrics);
    await environment.flush();
    metrics.afterwards.increment("orders_total", 3);
    expect(target.sum("orders_total")).toBe(0);
    await environment.flush();
    expect(target.sum("orders_total")).toBe(3);
  });

  it("never throws into whoever is left to record it, in strict mode either", () => {
    const { environment } = open({ isStrict: true });
    const { afterwards } = environment.startInvocation();
    expect(() => afterwards.increment("orders_total", -1)).not.toThrow();
  });
});

describe("a flush", () => {
  it("pushes what was merged, under job, component, environment and a random instance", async () => {
    const { target, environment, invoke } = open();
    invoke("orders_total", 2);
    environment.startInvocation().increment("orders_total", 100);
    expect(await environment.flush()).toBe(true);
    expect(target.requests[0]?.key).toEqual({
      job: "trades",
      component: "list-trades",
      environment: "test",
      instance: expect.stringMatching(/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/) as unknown,
    });
    expect(target.sum("orders_total")).toBe(2);
  });

  it("adds up overlapping invocations, each counted once however often it is merged", async () => {
    const { target, environment } = open();
    const [one, other] = [environment.startInvocation(), environment.startInvocation()];
    one.increment("orders", 1);
    other.increment("orders", 10);
    environment.merge(one);
    one.increment("orders", 100);
    environment.merge(one);
    environment.merge(one);
    environment.merge(other);
    await environment.flush();
    expect(target.sum("orders_total")).toBe(111);
  });

  it.each([
    { asked: undefined, limit: undefined, expected: 1_000 },
    { asked: 300, limit: undefined, expected: 300 },
    { asked: 5_000, limit: undefined, expected: 1_000 },
    { asked: 5_000, limit: 2_000, expected: 2_000 },
  ])("asked for $asked ms with a limit of $limit takes $expected", async (row) => {
    const { asked, limit, expected } = row;
    const limits = limit === undefined ? {} : { pushTimeoutMs: limit };
    const { target, environment } = open(limits);
    await environment.flush(asked === undefined ? {} : { timeoutMs: asked });
    expect(target.requests[0]?.timeoutMs).toBe(expected);
  });

  it("never runs beside another, and ends only after what was merged before it was sent", async () => {
    const scripted = createScriptedTarget();
    const gate = createGate(scripted);
    const { environment, invoke } = open({ targets: [gate.target] });
    invoke("orders_total", 1);
    const first = environment.flush();
    await nextTurn();
    invoke("orders_total", 10);
    const second = environment.flush();
    invoke("orders_total", 100);
    const third = environment.flush();
    await gate.open();
    expect(await first).toBe(true);
    expect([scripted.sum("orders_total"), scripted.requests.length]).toEqual([1, 1]);
    expect(gate.waiting).toHaveLength(1);
    await gate.open();
    expect(await Promise.all([second, third])).toEqual([true, true]);
    expect([scripted.sum("orders_total"), scripted.requests.length]).toEqual([111, 2]);
  });

  it("has what time its callers have left when it begins, and each waits no longer than that", async () => {
    const scripted = createScriptedTarget();
    const gate = createGate(scripted);
    const { environment, invoke } = open({ targets: [gate.target] });
    const first = environment.flush();
    await nextTurn();
    invoke();
    // Neither waits for the first one, which hangs; nothing is sent for them when it has ended.
    const late = [environment.flush({ timeoutMs: 20 }), environment.flush({ timeoutMs: 30 })];
    expect(await Promise.all(late)).toEqual([false, false]);
    await gate.open();
    expect(await first).toBe(true);
    expect(gate.waiting).toHaveLength(0);
    expect(scripted.requests).toHaveLength(1);
    const next = environment.flush();
    await gate.open();
    expect(await next).toBe(true);
    expect(scripted.sum("orders_total")).toBe(1);
  });
});

describe("the end of an environment", () => {
  const closed = ({ requests }: ScriptedTarget) =>
    requests.map(({ body }) => sampleLines(body).get("metrics_closed"));

  it("closes its group with everything recorded, of invocations under way too", async () => {
    const { target, environment, invoke } = open();
    invoke();
    await environment.flush();
    const underWay = environment.startInvocation();
    underWay.increment("orders_total", 10);
    environment.beforeEnd(() => environment.merge(underWay));
    expect(await environment.close(300)).toBe(true);
    expect([target.sum("orders_total"), target.samples().size]).toEqual([11, 1]);
    expect(closed(target)).toEqual(["0", "1"]);
    expect(target.requests[1]?.timeoutMs).toBeLessThanOrEqual(300);
    expect(environment.endNow().requests).toEqual([]);
  });

  it("waits for no push that hangs: it is sent again, and the rest beside it under a new id", async () => {
    const target = createScriptedTarget();
    let arrive: (() => void) | undefined;
    const hanging: PushTarget = {
      ...target,
      put: (...call) => {
        if (arrive !== undefined) return target.put(...call);
        arrive = () => void target.put(...call);
        return new Promise(() => {});
      },
    };
    const { environment, invoke } = open({ targets: [hanging] });
    invoke("orders_total", 1);
    const flush = environment.flush();
    const queued = environment.flush();
    await nextTurn();
    invoke("orders_total", 10);
    expect(await environment.close(300)).toBe(true);
    expect(closed(target)).toEqual(["1", "1"]);
    expect([target.sum("orders_total"), target.samples().size]).toEqual([11, 2]);
    arrive?.();
    expect(target.sum("orders_total")).toBe(11);
    void Promise.all([flush, queued]);
  });

  it("sends nothing after its closing marks, whatever is answered then", async () => {
    const scripted = createScriptedTarget();
    const gate = createGate(scripted);
    const { environment, invoke } = open({ targets: [gate.target] });
    invoke("orders_total", 1);
    const flushes = [environment.flush(), environment.flush()];
    await nextTurn();
    invoke("orders_total", 10);
    const end = environment.close(5_000);
    // The first is answered last.
    const first = gate.waiting.shift();
    await gate.open();
    await gate.open();
    expect(await end).toBe(true);
    invoke("orders_total", 100);
    first?.();
    expect(await Promise.all(flushes)).toEqual([false, false]);
    expect(await environment.flush({ isLastChance: true })).toBe(false);
    expect(closed(scripted)).toEqual(["1", "1", "0"]);
    expect([scripted.sum("orders_total"), gate.waiting.length]).toEqual([11, 0]);
  });

  it("has last words of an invocation too that ran on after it was closed", async () => {
    const { environment } = open();
    expect(await environment.close(300)).toBe(true);
    const underWay = environment.startInvocation();
    underWay.increment("orders_total", 10);
    environment.beforeEnd(() => environment.merge(underWay));
    const [request] = environment.endNow().requests;
    expect(sampleLines(Buffer.from(request?.body ?? "").toString()).get("orders_total")).toBe("10");
  });

  it("takes no longer than it is told, and leaves what did not arrive for the last words", async () => {
    const target = createScriptedTarget();
    const silent: PushTarget = { ...target, put: () => new Promise(() => {}) };
    const { environment, invoke } = open({ targets: [silent] });
    invoke("orders_total", 1);
    void environment.flush();
    await nextTurn();
    invoke("orders_total", 10);
    expect(await environment.close(30)).toBe(false);
    const bodies = environment
      .endNow()
      .requests.map(({ body }) => sampleLines(Buffer.from(body).toString()));
    expect(bodies.map((body) => body.get("orders_total"))).toEqual(["1", "10"]);
    expect(bodies.map((body) => body.get("metrics_closed"))).toEqual(["1", "1"]);
  });
});

describe("an environment's own metrics", () => {
  it("start with the version, and with zeros where label sets are known beforehand", async () => {
    const { target, environment } = open({
      zeros: { api_errors_total: [{ endpoint: "/trades", code: "NOT_FOUND" }] },
    });
    await environment.flush();
    const lines = sampleLines(target.requests[0]?.body ?? "");
    expect(lines.get('build_info{version="1.2.3"}')).toBe("1");
    for (const series of [
      'lambda_invocations_total{outcome="success"}',
      'lambda_invocations_total{outcome="error"}',
      'lambda_invocations_total{outcome="timeout"}',
      "lambda_cold_starts_total",
      "metrics_uncertain_total",
      'metrics_push_failures_total{result="unanswered"}',
      'api_errors_total{endpoint="/trades",code="NOT_FOUND"}',
      ...REFUSAL_REASONS.map((reason) => `metrics_client_errors_total{reason="${reason}"}`),
    ]) {
      expect([series, lines.get(series)]).toEqual([series, "0"]);
    }
  });

  it("count pushes and what became of them", async () => {
    const { target, environment, clock } = open();
    target.script("refused", "applied", "lost", "applied", "applied", 400, "applied", "applied");
    for (let i = 0; i < 4; i += 1) await environment.flush();
    clock.pass(60_000);
    await environment.flush();
    await environment.flush();
    expect(target.sum("metrics_pushes_total")).toBeGreaterThan(4);
    expect(target.sum('metrics_push_failures_total{result="refused"}')).toBe(1);
    expect(target.sum('metrics_push_failures_total{result="unanswered"}')).toBe(1);
    expect(target.sum('metrics_push_failures_total{result="rejected"}')).toBe(1);
    expect(target.sum("metrics_push_duration_seconds_count")).toBe(
      target.sum("metrics_pushes_total"),
    );
  });

  it("count what was given up as uncertain", async () => {
    const { target, environment, clock, invoke, messages } = open();
    invoke();
    target.script("lost");
    await environment.flush();
    clock.pass(24 * 60_000);
    await environment.flush();
    await environment.flush();
    // The counter, build_info aside, and the families of the push itself come later.
    expect(target.sum("metrics_uncertain_total")).toBe(1);
    expect(target.sum("orders_total")).toBe(0);
    expect(messages()).toContain("a push was never answered");
  });

  it("count a rejected family, and log it once", async () => {
    const { target, environment, invoke, lines, clock } = open();
    invoke();
    await environment.flush();
    target.reject("orders_total");
    for (let i = 0; i < 3; i += 1) {
      await environment.flush();
      clock.pass(21 * 60_000);
    }
    await environment.flush();
    const reason = "rejected_by_pushgateway";
    expect(target.sum(`metrics_client_errors_total{reason="${reason}"}`)).toBe(3);
    expect(lines.filter((line) => line["reason"] === reason)).toHaveLength(1);
  });

  it.skipIf(isPromtoolMissing)("pass promtool, but for the one name in milliseconds", async () => {
    const { target, environment } = open({
      zeros: { query_duration_milliseconds: [{ engine: "dynamodb", query_type: "list" }] },
    });
    await environment.flush();
    readExposition(target.requests[0]?.body ?? "");
    expect(checkMetrics(target.requests[0]?.body ?? "")).toEqual({
      errors: [],
      lints: ['query_duration_milliseconds use base unit "seconds" instead of "milliseconds"'],
    });
  });
});

describe("a sample that can't be recorded", () => {
  it("is counted each time, and logged once for each cause", async () => {
    const { target, environment, lines } = open();
    const metrics = environment.startInvocation();
    for (const value of [-1, -2, -3]) metrics.increment("orders", value);
    metrics.increment("refunds", -1);
    metrics.gauge("labels", 1);
    environment.merge(metrics);
    await environment.flush();
    expect(target.sum('metrics_client_errors_total{reason="invalid_value"}')).toBe(4);
    expect(target.sum('metrics_client_errors_total{reason="reserved_name"}')).toBe(1);
    expect(lines).toMatchObject([
      {
        level: "warn",
        message: "a sample was not recorded as asked",
        reason: "invalid_value",
        detail: "metric orders_total: value -1: expected a finite number of at least 0",
        component: "list-trades",
      },
      { reason: "invalid_value", detail: expect.stringContaining("refunds_total") as string },
      { reason: "reserved_name" },
    ]);
  });

  it("is logged for at most 100 causes: names may be without number too", async () => {
    const { target, environment, lines } = open();
    const metrics = environment.startInvocation();
    for (let i = 0; i < 500; i += 1) metrics.gauge(`user ${i}`, 1);
    await environment.flush();
    expect(lines).toHaveLength(100);
    expect(target.sum('metrics_client_errors_total{reason="invalid_name"}')).toBe(500);
  });

  it("beyond the cap is counted, and its value kept in the overflow series", async () => {
    const { target, environment } = open({ maxLabelSets: 2 });
    for (const symbol of ["A", "B", "C", "D"]) {
      const metrics = environment.startInvocation();
      metrics.increment("orders", 1, { symbol });
      environment.merge(metrics);
    }
    await environment.flush();
    expect(target.sum('orders_total{symbol="overflow"}')).toBe(2);
    expect(target.sum('metrics_client_errors_total{reason="too_many_label_sets"}')).toBe(2);
  });

  it("may be one that the environment was opened with: refused, and no reason not to start", async () => {
    const { target, environment } = open({
      metrics: [{ name: "labels", type: "gauge", help: "Reserved." }],
      zeros: {
        unknown_total: [{}],
        api_errors_total: [{ endpoint: "/" }],
        kafka_errors_total: [{ topic: "\ud800", operation: "x", reason: "y" }],
      },
    });
    await environment.flush();
    for (const reason of ["reserved_name", "invalid_name", "label_mismatch", "invalid_label"]) {
      expect([reason, target.sum(`metrics_client_errors_total{reason="${reason}"}`)]).toEqual([
        reason,
        1,
      ]);
    }
  });

  it.each<[string, unknown]>([
    ["a label set that is none", [null]],
    ["one label set without its list", { endpoint: "/", code: "NOT_FOUND" }],
    ["text", "NOT_FOUND"],
  ])("may be %s to start at 0: refused, and no reason not to start", async (_, zeros) => {
    const { target, environment } = open({ zeros: { api_errors_total: zeros as never } });
    await environment.flush();
    expect(target.sum('metrics_client_errors_total{reason="invalid_label"}')).toBe(1);
  });

  it("throws in strict mode, for tests", () => {
    const { environment } = open({ isStrict: true });
    const metrics = environment.startInvocation();
    expect(() => metrics.increment("orders", -1)).toThrow(
      expect.objectContaining({ code: "INVALID_METRIC" }),
    );
    expect(() => open({ isStrict: true, zeros: { unknown_total: [{}] } })).toThrow(
      "metric unknown_total: zeros: expected a metric that is known at the start",
    );
  });
});

describe("a Pushgateway that fails (promise 5)", () => {
  it("is logged once, and once more when pushes arrive again", async () => {
    const { target, environment, clock, messages } = open();
    target.script(500, "refused", "refused", 500, "applied", "applied", 500);
    for (let i = 0; i < 7; i += 1) {
      await environment.flush();
      clock.pass(31_000);
    }
    expect(messages()).toEqual(["a push failed", "pushes arrive again", "a push failed"]);
  });

  it("costs no call while the breaker is open, and loses nothing", async () => {
    const { target, environment, invoke, clock } = open();
    target.script("refused", "refused", "refused");
    for (let i = 0; i < 50; i += 1) {
      invoke();
      expect(await environment.flush()).toBe(false);
    }
    expect(target.requests).toHaveLength(3);
    clock.pass(500);
    expect(await environment.flush()).toBe(true);
    expect(target.sum("orders_total")).toBe(50);
  });

  it.each<[string, (environment: Environment) => Promise<boolean>]>([
    ["at the end", (environment) => environment.close(300)],
    ["at a deadline", (environment) => environment.flush({ isLastChance: true })],
  ])("is tried %s though the breaker is open", async (_when, flush) => {
    const { target, environment, invoke } = open();
    target.script("refused", "refused", "refused");
    for (let i = 0; i < 4; i += 1) await environment.flush();
    invoke();
    expect(await flush(environment)).toBe(true);
    expect(target.sum("orders_total")).toBe(1);
  });

  const failures: [string, () => any][] = [
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("broken"))],
    ["rejects with nothing", () => Promise.reject(undefined)],
    ["answers nothing", () => undefined],
    ["answers nonsense", () => Promise.resolve({ outcome: 5 })],
  ];
  it.each(failures)("never makes a flush reject when it %s, and loses nothing", async (_, put) => {
    const scripted = createScriptedTarget();
    let isBroken = true;
    const broken: PushTarget = {
      ...scripted,
      put: (...call) =>
        isBroken ? (put() as ReturnType<PushTarget["put"]>) : scripted.put(...call),
    };
    const { environment, invoke, messages } = open({ targets: [broken] });
    invoke();
    expect(await environment.flush()).toBe(false);
    expect(messages()).toEqual(["a push failed"]);
    isBroken = false;
    expect(await environment.flush()).toBe(true);
    expect(scripted.sum("orders_total")).toBe(1);
  });

  it("never makes a flush reject when there is none at all: nothing is pushed, nor logged", async () => {
    const { environment, invoke, messages } = open({ targets: [] });
    invoke();
    expect(await environment.close(300)).toBe(false);
    expect(environment.endNow().requests).toEqual([]);
    expect(messages()).toEqual([]);
  });
});
