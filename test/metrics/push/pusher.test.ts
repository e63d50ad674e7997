import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MetricDefinition } from "../../../lib/metrics/definition.ts";
import { createDefinitions } from "../../../lib/metrics/record/definitions.ts";
import { createMetricsClient } from "../../../lib/metrics/record/metrics-client.ts";
import { CLOSED, PUSH_SEQUENCE } from "../../../lib/metrics/push/payload.ts";
import type { PushTarget } from "../../../lib/metrics/push/push-target.ts";
import { createPusher, type PushEvent } from "../../../lib/metrics/push/pusher.ts";
import { createTotals } from "../../../lib/metrics/push/totals.ts";
import { createTestClock } from "../../support/clock.ts";
import { createScriptedTarget, type Fate } from "../../support/scripted-target.ts";
import { readExposition, sampleLines } from "../../support/exposition.ts";

const MINUTE = 60_000;
const LEASE = { leaseMs: 20 * MINUTE, resendMs: 3 * MINUTE, maxAgeMs: 360 * MINUTE };
const COUNTERS = ["a_total", "b_total", "c_total", "d_total", "e_total"] as const;
const METRICS: readonly MetricDefinition[] = [
  ...COUNTERS.map((name) => ({ name, type: "counter" as const, help: `${name}.` })),
  { name: "size", type: "histogram", help: "Sizes.", buckets: [1] },
];

function open(targets: readonly PushTarget[]) {
  const clock = createTestClock();
  const totals = createTotals();
  const events: PushEvent[] = [];
  const definitions = createDefinitions({ metrics: METRICS, maxLabelSets: 10 });
  let instances = 0;
  const pusher = createPusher({
    totals,
    targets,
    key: { job: "service", component: "function", environment: "test" },
    lease: LEASE,
    clock: clock.now,
    newInstance: () => `instance-${(instances += 1)}`,
    onEvent: (event) => events.push(event),
  });
  return {
    clock,
    totals,
    /** What happened but for plain pushes. */
    notable: () => events.filter(({ type }) => type !== "pushed"),
    events,
    record: (counter: (typeof COUNTERS)[number], value = 1) => {
      const client = createMetricsClient(definitions, ({ detail }) => {
        throw new Error(detail);
      });
      client.increment(counter, value);
      for (const recorded of client.collect()) totals.merge(recorded);
    },
    push: (options: { isClosing?: boolean; timeoutMs?: number } = {}) =>
      pusher.push({ timeoutMs: 1_000, ...options }),
    /** Ends the process: what it says last is sent at once, to the target itself. */
    crash: (target: PushTarget) =>
      Promise.all(
        pusher
          .lastPushes()
          .map(({ method, key, body }) => target[method](key, body, { timeoutMs: 300 })),
      ),
  };
}

function openOne() {
  const target = createScriptedTarget();
  return { target, ...open([target]) };
}

/** What each request was, in short: its method, its instance, a counter's value in it. */
const shortly = (target: ReturnType<typeof createScriptedTarget>, counter: string) =>
  target.requests.map(({ method, key, body }) => [
    method,
    key["instance"],
    sampleLines(body).get(counter),
    ...(sampleLines(body).get(CLOSED) === "1" ? ["closed"] : []),
  ]);

describe("a push that is acknowledged", () => {
  it("is a PUT of everything since the incarnation's start, under the whole grouping key", async () => {
    const { target, record, push } = openOne();
    record("a_total", 2);
    expect(await push()).toBe(true);
    record("a_total", 3);
    expect(await push()).toBe(true);
    expect(shortly(target, "a_total")).toEqual([
      ["put", "instance-1", "2"],
      ["put", "instance-1", "5"],
    ]);
    expect(target.requests[0]?.key).toEqual({
      job: "service",
      component: "function",
      environment: "test",
      instance: "instance-1",
    });
  });

  it("numbers itself, and is sent though nothing is new", async () => {
    const { target, push } = openOne();
    await push();
    await push();
    const numbers = target.requests.map(({ body }) => sampleLines(body).get(PUSH_SEQUENCE));
    expect(numbers).toEqual(["1", "2"]);
  });

  it("holds families as a Pushgateway reads them", async () => {
    const { target, record, push } = openOne();
    record("b_total", 0.5);
    await push();
    const [family] = readExposition(target.requests[0]?.body ?? "");
    expect(family).toEqual({
      name: "b_total",
      type: "counter",
      help: "b_total.",
      samples: [{ labels: {}, value: 0.5 }],
    });
  });
});

describe("a push that is refused for certain", () => {
  it.each<Fate>(["refused", 500])(
    "(%s) costs nothing: the next one carries it all",
    async (fate) => {
      const { target, record, push } = openOne();
      record("a_total", 2);
      target.script(fate);
      expect(await push()).toBe(false);
      record("a_total", 3);
      expect(await push()).toBe(true);
      expect(shortly(target, "a_total")).toEqual([
        ["put", "instance-1", "2"],
        ["put", "instance-1", "5"],
      ]);
      expect(target.sum("a_total")).toBe(5);
    },
  );
});

describe("a push that arrived on its second try", () => {
  it("is the last word of its incarnation: the first try may come late, and undoes nothing", async () => {
    const { target, record, push } = openOne();
    record("a_total", 2);
    target.script("applied again late");
    expect(await push()).toBe(true);
    record("a_total", 3);
    expect(await push()).toBe(true);
    target.applyLate();
    expect(shortly(target, "a_total")).toEqual([
      ["put", "instance-1", "2"],
      ["put", "instance-2", "3"],
    ]);
    expect(target.sum("a_total")).toBe(5);
  });

  it("counts once when it was a parked one", async () => {
    const { target, record, push } = openOne();
    record("a_total", 2);
    target.script("lost", "applied again late");
    expect(await push()).toBe(false);
    record("a_total", 3);
    expect(await push()).toBe(true);
    target.applyLate();
    expect(target.sum("a_total")).toBe(5);
  });
});

describe("a push that nobody answered", () => {
  it.each<Fate>(["lost", "applied unanswered", "applied late"])(
    "(%s) is sent again before anything else, the same but for the closing mark",
    async (fate) => {
      const { target, record, push } = openOne();
      record("a_total", 2);
      target.script(fate, 500, "refused");
      expect(await push()).toBe(false);
      record("a_total", 3);
      expect(await push()).toBe(false);
      expect(await push()).toBe(false);
      expect(await push()).toBe(true);
      target.applyLate();
      expect(shortly(target, "a_total")).toEqual([
        ["put", "instance-1", "2"],
        ["put", "instance-1", "2", "closed"],
        ["put", "instance-1", "2", "closed"],
        ["put", "instance-1", "2", "closed"],
        ["put", "instance-2", "3"],
      ]);
      const [first, ...again] = target.requests.slice(0, 4).map(({ body }) => body);
      for (const body of again) expect(body).toBe(first?.replace(`${CLOSED} 0`, `${CLOSED} 1`));
      expect(target.sum("a_total")).toBe(5);
    },
  );

  it("is given up once its lease and the time to send it again are over, and counted", async () => {
    const { target, record, clock, notable, push } = openOne();
    record("a_total", 2);
    record("b_total", 2);
    target.script("lost", "lost", "lost");
    await push();
    clock.pass(LEASE.leaseMs + LEASE.resendMs);
    expect(await push()).toBe(false);
    clock.pass(1);
    record("a_total", 3);
    expect(notable()).toEqual([]);
    expect(await push()).toBe(false);
    expect(notable()).toEqual([{ type: "uncertain", samples: 2 }]);
    expect(shortly(target, "a_total").at(-1)).toEqual(["put", "instance-2", "3"]);
  });

  it("is given up at once when the wall clock was set back: nobody knows how old it is", async () => {
    const { target, record, clock, notable, push } = openOne();
    record("a_total", 2);
    target.script("applied unanswered");
    await push();
    clock.setWall(-5_000);
    record("a_total", 3);
    expect(await push()).toBe(true);
    expect(notable()).toEqual([{ type: "uncertain", samples: 1 }]);
    expect(target.sum("a_total")).toBe(5);
  });

  it("leaves its time to the resend by the last acknowledged push, not by its own", async () => {
    const { target, record, clock, notable, push } = openOne();
    record("a_total", 1);
    await push();
    clock.pass(19 * MINUTE);
    record("a_total", 2);
    target.script("lost");
    await push();
    clock.pass(4 * MINUTE + 1);
    await push();
    expect(notable()).toEqual([{ type: "uncertain", samples: 1 }]);
  });

  it("has the time of a lease that was renewed, however old the incarnation is", async () => {
    const { target, record, clock, notable, push } = openOne();
    for (const _ of [1, 2, 3]) {
      await push();
      clock.pass(15 * MINUTE);
    }
    record("a_total", 2);
    target.script("lost");
    await push();
    clock.pass(8 * MINUTE);
    expect(await push()).toBe(true);
    expect(notable()).toEqual([]);
    expect(target.sum("a_total")).toBe(2);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("broken"))],
    ["answers nothing", () => Promise.resolve(undefined)],
    ["answers nonsense", () => Promise.resolve({ outcome: "fine" })],
  ])("is what a target that %s has done", async (_, put) => {
    const target = createScriptedTarget();
    let isBroken = true;
    const broken: PushTarget = {
      ...target,
      put: (...call) => (isBroken ? (put() as ReturnType<PushTarget["put"]>) : target.put(...call)),
    };
    const { record, push, events } = open([broken]);
    record("a_total", 2);
    expect(await push()).toBe(false);
    expect(events).toMatchObject([{ type: "pushed", outcome: { outcome: "unanswered" } }]);
    isBroken = false;
    expect(await push()).toBe(true);
    expect(target.sum("a_total")).toBe(2);
  });
});

describe("an incarnation", () => {
  it.each([
    { what: "as long as its lease", ms: LEASE.leaseMs, expected: 1 },
    { what: "longer than its lease", ms: LEASE.leaseMs + 1, expected: 2 },
  ])("$what after the last push is number $expected", async ({ ms, expected }) => {
    const { target, record, clock, push } = openOne();
    record("a_total", 2);
    await push();
    record("a_total", 3);
    clock.pass(ms);
    await push();
    expect(target.requests.at(-1)?.key["instance"]).toBe(`instance-${expected}`);
    expect(target.sum("a_total")).toBe(5);
  });

  it("begins with what was not acknowledged, and nothing else", async () => {
    const { target, record, clock, push } = openOne();
    record("a_total", 2);
    await push();
    record("a_total", 3);
    target.script("refused");
    await push();
    clock.pass(LEASE.leaseMs + 1);
    record("a_total", 4);
    await push();
    expect(shortly(target, "a_total").at(-1)).toEqual(["put", "instance-2", "7"]);
  });

  it("counts its lease from its first attempt while nothing was acknowledged", async () => {
    const { target, record, clock, push } = openOne();
    record("a_total", 2);
    target.script(500, 500, 500);
    await push();
    clock.pass(LEASE.leaseMs);
    await push();
    clock.pass(1);
    await push();
    const instances = target.requests.map(({ key }) => key["instance"]);
    expect(instances).toEqual(["instance-1", "instance-1", "instance-2"]);
  });

  it("ends when the wall clock is set back", async () => {
    const { target, record, clock, push } = openOne();
    record("a_total", 2);
    await push();
    clock.setWall(-1_001);
    record("a_total", 3);
    await push();
    expect(shortly(target, "a_total").at(-1)).toEqual(["put", "instance-2", "3"]);
  });

  it("ends when it was frozen: the wall clock went on alone", async () => {
    const { target, push, clock } = openOne();
    await push();
    clock.setWall(LEASE.leaseMs + 1);
    await push();
    expect(target.requests.at(-1)?.key["instance"]).toBe("instance-2");
  });

  it("ends after six hours, though it was pushed all the time", async () => {
    const { target, record, push, clock } = openOne();
    for (let minutes = 0; minutes <= 370; minutes += 10) {
      record("a_total", 1);
      await push();
      clock.pass(10 * MINUTE);
    }
    expect([...target.samples().keys()]).toEqual(["instance-1", "instance-2"]);
    expect(target.sum("a_total")).toBe(38);
  });

  it("stays with the Pushgateway that it began on", async () => {
    const targets = ["http://a:9091", "http://b:9091", "http://c:9091"].map(createScriptedTarget);
    const { record, push, clock } = open(targets);
    for (let i = 0; i < 60; i += 1) {
      record("a_total", 1);
      await push();
      clock.pass(i % 3 === 2 ? LEASE.leaseMs + 1 : MINUTE);
    }
    const used = targets.map(
      (target) => new Set(target.requests.map(({ key }) => key["instance"])),
    );
    const all = used.flatMap((instances) => [...instances]);
    expect(all).toHaveLength(20);
    expect(new Set(all).size).toBe(20);
    expect(used.every(({ size }) => size > 0)).toBe(true);
    expect(targets.reduce((sum, target) => sum + target.sum("a_total"), 0)).toBe(60);
  });
});

describe("a closing push", () => {
  it("carries the mark, and what comes after it has a new incarnation", async () => {
    const { target, record, push } = openOne();
    record("a_total", 2);
    await push({ isClosing: true });
    record("a_total", 3);
    await push();
    expect(shortly(target, "a_total")).toEqual([
      ["put", "instance-1", "2", "closed"],
      ["put", "instance-2", "3"],
    ]);
  });

  it("that is refused closes nothing", async () => {
    const { target, record, push } = openOne();
    record("a_total", 2);
    target.script(500);
    await push({ isClosing: true });
    record("a_total", 3);
    await push();
    expect(shortly(target, "a_total").at(-1)).toEqual(["put", "instance-1", "5"]);
  });

  it("first settles what is parked", async () => {
    const { target, record, push } = openOne();
    record("a_total", 2);
    target.script("lost");
    await push();
    record("a_total", 3);
    expect(await push({ isClosing: true })).toBe(true);
    expect(shortly(target, "a_total").slice(1)).toEqual([
      ["put", "instance-1", "2", "closed"],
      ["put", "instance-2", "3", "closed"],
    ]);
  });
});

describe("a family that the Pushgateway rejects", () => {
  async function withRejected(...families: (typeof COUNTERS)[number][]) {
    const all = openOne();
    for (const counter of COUNTERS) all.record(counter, 1);
    await all.push();
    all.clock.pass(15 * MINUTE);
    all.target.reject(...families);
    for (const counter of COUNTERS) all.record(counter, 10);
    return all;
  }

  it.each([
    [["a_total"]],
    [["c_total"]],
    [["e_total"]],
    [["a_total", "b_total"]],
    [["b_total", "e_total"]],
    [[...COUNTERS]],
  ] as (typeof COUNTERS)[number][][][])(
    "(%s) is found without PUTting a part, and the others arrive",
    async (rejected) => {
      const { target, push, notable } = await withRejected(...rejected);
      expect(await push()).toBe(true);
      for (const counter of COUNTERS) {
        expect([counter, target.sum(counter)]).toEqual([
          counter,
          rejected.includes(counter) ? 1 : 11,
        ]);
      }
      expect(notable()).toEqual(
        rejected.map((family) => ({ type: "rejected", family, detail: "status 400" })),
      );
      const puts = target.requests.filter(({ method }) => method === "put");
      for (const { body } of puts) {
        for (const counter of COUNTERS) expect(sampleLines(body).has(counter)).toBe(true);
      }
    },
  );

  it("is left out of the next pushes, which are POSTs: a PUT would erase it", async () => {
    const { target, record, push } = await withRejected("c_total");
    await push();
    const before = target.requests.length;
    record("a_total", 100);
    record("c_total", 100);
    expect(await push()).toBe(true);
    expect(target.requests.slice(before).map(({ method }) => method)).toEqual(["post"]);
    expect([target.sum("a_total"), target.sum("c_total")]).toEqual([111, 1]);
  });

  it("is asked for again later, and has lost nothing", async () => {
    const { target, record, push, clock } = await withRejected("c_total");
    await push();
    record("c_total", 100);
    target.reject();
    // The lease is renewed meanwhile.
    for (const minutes of [10, 10]) {
      clock.pass(minutes * MINUTE);
      await push();
      expect(target.sum("c_total")).toBe(1);
    }
    clock.pass(1);
    await push();
    expect(target.requests.at(-1)).toMatchObject({
      method: "put",
      key: { instance: "instance-1" },
    });
    expect(target.sum("c_total")).toBe(111);
  });

  it("is asked for again by a new incarnation, and has lost nothing", async () => {
    const { target, push, clock } = await withRejected("c_total");
    await push();
    target.reject();
    clock.pass(LEASE.leaseMs + 1);
    await push();
    expect(target.requests.at(-1)).toMatchObject({
      method: "put",
      key: { instance: "instance-2" },
    });
    for (const counter of COUNTERS) expect(target.sum(counter)).toBe(11);
  });

  it("takes two requests for each halving, not one for each family", async () => {
    const { target, push } = await withRejected("c_total");
    const before = target.requests.length;
    await push();
    expect(target.requests.length - before).toBeLessThanOrEqual(2 + 2 * Math.ceil(Math.log2(5)));
  });

  it.each<Fate>(["lost", "applied unanswered", "applied late"])(
    "is no cause for loss when a half is %s",
    async (fate) => {
      const { target, push, record } = await withRejected("a_total");
      // The PUT, the empty POST, [a, b, c], [a, b] and [a] come before it.
      target.script("applied", "applied", "applied", "applied", "applied", fate);
      expect(await push()).toBe(false);
      target.reject();
      record("b_total", 100);
      expect(await push()).toBe(true);
      target.applyLate();
      for (const counter of COUNTERS) {
        expect([counter, target.sum(counter)]).toEqual([counter, counter === "b_total" ? 111 : 11]);
      }
    },
  );

  it("is not erased by a push that nobody answered: what was a POST is sent again as one", async () => {
    const { target, push, record } = await withRejected("c_total");
    await push();
    const before = target.requests.length;
    record("a_total", 100);
    target.script("lost");
    expect(await push()).toBe(false);
    expect(await push()).toBe(true);
    expect(shortly(target, "a_total").slice(before, before + 2)).toEqual([
      ["post", "instance-1", "111"],
      ["post", "instance-1", "111", "closed"],
    ]);
    expect([target.sum("a_total"), target.sum("c_total")]).toEqual([111, 1]);
  });

  it("keeps a closing push from closing the group part by part", async () => {
    const { target, push } = await withRejected("c_total");
    const before = target.requests.length;
    await push({ isClosing: true });
    const parts = target.requests.slice(before).filter(({ method }) => method === "post");
    expect(parts.map(({ body }) => sampleLines(body).get(CLOSED))).toEqual(parts.map(() => "0"));
  });

  it("is not looked for when the Pushgateway refuses everything", async () => {
    const { target, push, notable, record } = openOne();
    for (const counter of COUNTERS) record(counter, 1);
    target.reject(PUSH_SEQUENCE);
    expect(await push()).toBe(false);
    expect(target.requests.map(({ method }) => method)).toEqual(["put", "post"]);
    expect(notable()).toEqual([]);
    target.reject();
    expect(await push()).toBe(true);
    expect(target.sum("a_total")).toBe(1);
  });
});

describe("a push that nobody answered and that is rejected when it is sent again", () => {
  /** One whose answer was lost, whether it was applied or not; c_total is rejected from then on. */
  async function withRejectedDoubt(fate: Fate) {
    const all = openOne();
    for (const counter of COUNTERS) all.record(counter, 1);
    await all.push();
    for (const counter of COUNTERS) all.record(counter, 10);
    all.target.script(fate);
    await all.push();
    all.target.reject("c_total");
    for (const counter of COUNTERS) all.record(counter, 100);
    return all;
  }

  it.each<Fate>(["lost", "applied unanswered", "applied late"])(
    "(%s) holds up nothing but the rejected family",
    async (fate) => {
      const { target, push, notable } = await withRejectedDoubt(fate);
      expect(await push()).toBe(true);
      target.applyLate();
      for (const counter of COUNTERS.filter((name) => name !== "c_total")) {
        expect([counter, target.sum(counter)]).toEqual([counter, 111]);
      }
      expect(target.sum("c_total")).toBe(fate === "lost" ? 1 : 11);
      expect(notable()).toEqual([{ type: "rejected", family: "c_total", detail: "status 400" }]);
    },
  );

  it("is never PUT in part, and is not closed while a part of it is open", async () => {
    const { target, push, clock } = await withRejectedDoubt("lost");
    await push();
    clock.pass(4 * MINUTE);
    target.reject();
    await push();
    const words = target.requests.filter(({ key }) => key["instance"] === "instance-1").slice(2);
    expect(words.map(({ method }) => method)).toEqual([
      "put",
      ...Array.from({ length: words.length - 1 }, () => "post"),
    ]);
    const marks = words.slice(1).map(({ body }) => sampleLines(body).get(CLOSED));
    expect(marks).toEqual([...marks.slice(1).map(() => "0"), "1"]);
  });

  it.each<Fate>(["lost", "applied unanswered", "applied late"])(
    "(%s) counts in full once the family is taken, by then asked for now and then",
    async (fate) => {
      const { target, push, clock } = await withRejectedDoubt(fate);
      await push();
      const before = target.requests.length;
      clock.pass(LEASE.resendMs);
      await push();
      expect(target.requests.length - before).toBe(1);
      clock.pass(1);
      target.reject();
      await push();
      target.applyLate();
      expect(target.sum("c_total")).toBe(11);
      clock.pass(LEASE.leaseMs);
      await push();
      expect(target.sum("c_total")).toBe(111);
    },
  );

  it("is asked for at the last chance", async () => {
    const { target, push } = await withRejectedDoubt("lost");
    await push();
    target.reject();
    await push({ isClosing: true });
    expect(target.sum("c_total")).toBe(11);
  });

  it("counts at most once when its time is over, and says how many samples that may be", async () => {
    const { target, push, clock, notable } = await withRejectedDoubt("applied unanswered");
    await push();
    clock.pass(LEASE.leaseMs + LEASE.resendMs + 1);
    target.reject();
    await push();
    expect(notable().slice(1)).toEqual([{ type: "uncertain", samples: 1 }]);
    expect(target.sum("c_total")).toBe(111);
  });

  it("stays whole when a half of it is not answered, and goes on with what is left", async () => {
    const { target, push } = await withRejectedDoubt("lost");
    // The PUT, the empty POST, [a, b, c], [a, b] and [c] come before [d, e].
    target.script("applied", "applied", "applied", "applied", "applied", "lost");
    expect(await push()).toBe(false);
    const before = target.requests.length;
    expect(await push()).toBe(true);
    const again = target.requests[before];
    expect(again?.method).toBe("post");
    expect(readExposition(again?.body ?? "").map(({ name }) => name)).toEqual(
      expect.arrayContaining(["d_total", "e_total"]),
    );
    expect([target.sum("a_total"), target.sum("e_total")]).toEqual([111, 111]);
  });

  it("is not looked into while the Pushgateway refuses everything", async () => {
    const { target, push, notable } = await withRejectedDoubt("lost");
    target.reject(PUSH_SEQUENCE);
    const before = target.requests.length;
    expect(await push()).toBe(false);
    expect(target.requests.slice(before).map(({ method }) => method)).toEqual(["put", "post"]);
    expect(notable()).toEqual([]);
  });
});

describe("the last words of a process that ends at once", () => {
  it("are what was not acknowledged, and close the group", async () => {
    const { target, record, push, crash } = openOne();
    record("a_total", 2);
    await push();
    record("a_total", 3);
    await crash(target);
    expect(shortly(target, "a_total").at(-1)).toEqual(["put", "instance-1", "5", "closed"]);
  });

  it("are none when everything was acknowledged", async () => {
    const { target, record, push, crash } = openOne();
    record("a_total", 2);
    await push();
    expect(await crash(target)).toEqual([]);
  });

  it("come under a new id when the lease is over", async () => {
    const { target, record, push, clock, crash } = openOne();
    record("a_total", 2);
    await push();
    record("a_total", 3);
    clock.pass(LEASE.leaseMs + 1);
    await crash(target);
    expect(shortly(target, "a_total").at(-1)).toEqual(["put", "instance-2", "3", "closed"]);
  });

  it("are the parked payload and what came after it, each under its id", async () => {
    const { target, record, push, crash } = openOne();
    record("a_total", 2);
    target.script("applied late");
    await push();
    record("a_total", 3);
    await crash(target);
    target.applyLate();
    expect(shortly(target, "a_total").slice(1)).toEqual([
      ["put", "instance-1", "2", "closed"],
      ["put", "instance-2", "3", "closed"],
    ]);
    expect(target.sum("a_total")).toBe(5);
  });

  it("leave out what was given up", async () => {
    const { target, record, push, clock, notable, crash } = openOne();
    record("a_total", 2);
    target.script("lost");
    await push();
    clock.pass(LEASE.leaseMs + LEASE.resendMs + 1);
    record("a_total", 3);
    await crash(target);
    expect(shortly(target, "a_total").slice(1)).toEqual([["put", "instance-2", "3", "closed"]]);
    expect(notable()).toEqual([{ type: "uncertain", samples: 1 }]);
  });

  it("leave out what is given up while it is on its way, and refused after that", async () => {
    const target = createScriptedTarget();
    let refuse = () => {};
    const slow: PushTarget = {
      ...target,
      put: (...call) =>
        target.requests.length === 0
          ? target.put(...call)
          : new Promise((resolve) => {
              refuse = () => resolve({ outcome: "refused", status: 400, detail: "inconsistent" });
            }),
    };
    const { record, push, clock, notable, crash } = open([slow]);
    record("a_total", 2);
    target.script("lost");
    await push();
    clock.pass(LEASE.leaseMs);
    const pushed = push();
    clock.pass(LEASE.resendMs + 1);
    await crash(target);
    refuse();
    await pushed;
    expect(notable()).toContainEqual({ type: "uncertain", samples: 1 });
  });

  it("leave out a family that is rejected, which would take the others with it", async () => {
    const { target, record, push, crash } = openOne();
    for (const counter of COUNTERS) record(counter, 1);
    target.reject("c_total");
    await push();
    record("a_total", 10);
    record("c_total", 10);
    await crash(target);
    expect([target.sum("a_total"), target.sum("c_total")]).toEqual([11, 0]);
  });

  it.each(["before them", "after them"])(
    "say nothing greater under the id of a push under way, which arrives %s",
    async (when) => {
      const target = createScriptedTarget();
      let arrive = () => {};
      const unanswered: PushTarget = {
        ...target,
        put: (...call) => {
          arrive = () => void target.put(...call);
          return new Promise(() => {});
        },
      };
      const { record, push, crash } = open([unanswered]);
      record("a_total", 2);
      void push();
      await new Promise((resolve) => setImmediate(resolve));
      record("a_total", 3);
      if (when === "before them") arrive();
      await crash(target);
      if (when === "after them") arrive();
      const words = shortly(target, "a_total");
      expect(words).toContainEqual(["put", "instance-1", "2", "closed"]);
      expect(words).toContainEqual(["put", "instance-2", "3", "closed"]);
      expect(target.sum("a_total")).toBe(5);
    },
  );

  it.each(
    ["the process", "a closing push"].flatMap((end) =>
      [false, true].flatMap((isClosing) =>
        ["applied", "applied late"].flatMap((fate) =>
          Array.from({ length: 14 }, (_, turns) => ({
            end,
            isClosing,
            fate: fate as Fate,
            turns,
          })),
        ),
      ),
    ),
  )(
    "never follow a closing mark, and are never overtaken, when $end ends a push $turns turns after it began: $fate, closing: $isClosing",
    async ({ end, isClosing, fate, turns }) => {
      const { target, record, push, crash } = openOne();
      record("a_total", 2);
      target.script(fate);
      const first = push({ isClosing });
      record("a_total", 3);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      record("a_total", 4);
      if (end === "the process") await crash(target);
      else await push({ isClosing: true });
      await first;
      target.applyLate();
      expect(target.sum("a_total")).toBe(9);
      const valuesByInstance = new Map<unknown, Set<unknown>>();
      for (const [, instance, value, mark] of shortly(target, "a_total")) {
        const values = valuesByInstance.get(instance);
        if (values !== undefined) valuesByInstance.set(instance, values.add(value));
        else if (mark === "closed") valuesByInstance.set(instance, new Set([value]));
      }
      expect([...valuesByInstance.values()].every(({ size }) => size === 1)).toBe(true);
    },
  );
});

describe("a push that takes over from another", () => {
  /** A target whose requests are answered one by one, in any order. */
  function openGated() {
    const target = createScriptedTarget();
    const waiting: (() => void)[] = [];
    const gated =
      (method: "put" | "post"): PushTarget["put"] =>
      async (...call) => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return await target[method](...call);
      };
    const opened = open([{ ...target, put: gated("put"), post: gated("post") }]);
    return { target, waiting, ...opened };
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it("sends beside each other what is in doubt and the rest, and ends when both have arrived", async () => {
    const { target, waiting, record, push } = openGated();
    record("a_total", 2);
    const first = push();
    await turn();
    record("a_total", 3);
    const last = push({ isClosing: true });
    await turn();
    expect(waiting).toHaveLength(3);
    for (const answer of waiting.splice(1)) answer();
    expect(await last).toBe(true);
    waiting[0]?.();
    expect(await first).toBe(false);
    expect(shortly(target, "a_total").map((words) => words.slice(1))).toEqual([
      ["instance-1", "2", "closed"],
      ["instance-2", "3", "closed"],
      ["instance-1", "2"],
    ]);
    expect(target.sum("a_total")).toBe(5);
  });

  it("finds by halves what is rejected, while what is in doubt hangs", async () => {
    const { target, waiting, record, push } = openGated();
    record("a_total", 2);
    void push();
    await turn();
    for (const counter of COUNTERS) record(counter, 10);
    target.reject("c_total");
    const last = push({ isClosing: true });
    await turn();
    waiting.splice(0, 2); // The first push and what it had sent.
    for (let i = 0; i < 20; i += 1) {
      waiting.shift()?.();
      await turn();
    }
    for (const counter of COUNTERS) {
      expect([counter, target.sum(counter)]).toEqual([counter, counter === "c_total" ? 0 : 10]);
    }
    void last;
  });

  it("leaves both in doubt when nobody answers: last words say both again", async () => {
    const { target, record, push, waiting, crash } = openGated();
    record("a_total", 2);
    void push();
    await turn();
    record("a_total", 3);
    void push({ isClosing: true });
    await turn();
    record("a_total", 4);
    await crash(target);
    expect(target.sum("a_total")).toBe(9);
    for (const arrive of waiting) arrive();
    await turn();
    expect(target.sum("a_total")).toBe(9);
  });
});

describe("the time of a push", () => {
  it("is shared by all its requests", async () => {
    const target = createScriptedTarget();
    const slow =
      (method: "put" | "post"): PushTarget["put"] =>
      (...call) => {
        clock.pass(400);
        return target[method](...call);
      };
    const { clock, record, push } = open([{ ...target, put: slow("put"), post: slow("post") }]);
    for (const counter of COUNTERS) record(counter, 1);
    target.reject("a_total");
    expect(await push({ timeoutMs: 1_000 })).toBe(false);
    expect(target.requests.map(({ timeoutMs }) => timeoutMs)).toEqual([1_000, 600, 200]);
    target.reject();
    expect(await push({ timeoutMs: 1_000 })).toBe(true);
    for (const counter of COUNTERS) expect(target.sum(counter)).toBe(1);
  });
});

/** One thing that happens to an environment in the random law. */
type Step =
  | { readonly do: "record"; readonly a: number; readonly b: number }
  | { readonly do: "push"; readonly fates: readonly Fate[]; readonly isClosing: boolean }
  | { readonly do: "reject"; readonly families: readonly string[] }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "apply late"; readonly ranks: readonly number[] }
  | { readonly do: "set wall"; readonly ms: number };

const fate = fc.constantFrom<Fate>(
  "applied",
  "applied",
  "refused",
  500,
  400,
  "lost",
  "applied unanswered",
  "applied late",
  "applied again late",
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("record" as const), a: fc.nat(9), b: fc.nat(9) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("push" as const),
      fates: fc.array(fate, { maxLength: 6 }),
      isClosing: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("reject" as const),
      families: fc.subarray(["a_total", "b_total"]),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1, MINUTE, 5 * MINUTE, 12 * MINUTE, 21 * MINUTE, 400 * MINUTE),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("apply late" as const), ranks: fc.array(fc.nat(9)) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("set wall" as const),
      ms: fc.constantFrom(-5_000, 5_000),
    }),
  },
);

/** The same target, and what it said is there: the greatest value acknowledged in each group. */
function tell(target: PushTarget) {
  const greatest = new Map<string, number>();
  const through =
    (method: "put" | "post"): PushTarget["put"] =>
    async (key, body, options) => {
      const outcome = await target[method](key, body, options);
      if (outcome.outcome !== "acknowledged") return outcome;
      for (const [series, value] of sampleLines(body)) {
        const name = `${series} ${key["instance"]}`;
        greatest.set(name, Math.max(Number(value), greatest.get(name) ?? 0));
      }
      return outcome;
    };
  return {
    told: { ...target, put: through("put"), post: through("post") },
    acknowledged: (counter: string) =>
      [...greatest].reduce(
        (sum, [name, value]) => (name.startsWith(`${counter} `) ? sum + value : sum),
        0,
      ),
  };
}

describe("whatever becomes of its pushes, an environment's increments", () => {
  const counters = ["a_total", "b_total"] as const;

  it("show at least once when acknowledged, never twice, and never less than before (promises 1, 2, 3)", async () => {
    const steps = fc.array(step, { maxLength: 60 });
    const lastFates = fc.option(fc.array(fate, { maxLength: 2 }));
    const law = fc.asyncProperty(steps, lastFates, async (steps, lastFates) => {
      const target = createScriptedTarget();
      const { told, acknowledged } = tell(target);
      const { record, clock, push, notable, crash } = open([told]);
      const recorded = { a_total: 0, b_total: 0 };
      const shown = { a_total: 0, b_total: 0 };
      const check = () => {
        for (const counter of counters) {
          const sum = target.sum(counter);
          expect(sum).toBeLessThanOrEqual(recorded[counter]);
          expect(sum).toBeGreaterThanOrEqual(acknowledged(counter));
          expect(sum).toBeGreaterThanOrEqual(shown[counter]);
          shown[counter] = sum;
        }
      };
      const pushOnce = async (fates: readonly Fate[], isClosing: boolean) => {
        target.script(...fates);
        await push({ isClosing });
      };

      for (const step of steps) {
        if (step.do === "record") {
          record("a_total", step.a);
          record("b_total", step.b);
          recorded.a_total += step.a;
          recorded.b_total += step.b;
        } else if (step.do === "push") await pushOnce(step.fates, step.isClosing);
        else if (step.do === "pass") clock.pass(step.ms);
        else if (step.do === "set wall") clock.setWall(step.ms);
        else if (step.do === "apply late") target.applyLate(step.ranks);
        else target.reject(...step.families);
        check();
      }

      target.reject();
      if (lastFates === null) {
        // Everything is answered, in time; a rejected family is asked for in a new incarnation.
        await pushOnce([], false);
        clock.pass(LEASE.leaseMs + 1);
        await pushOnce([], false);
      } else {
        target.script(...lastFates);
        await crash(told);
      }
      check();
      target.applyLate();
      check();
      // Last words leave out what was rejected.
      const causes = lastFates === null ? ["uncertain"] : ["uncertain", "rejected"];
      const isLost = notable().some(({ type }) => causes.includes(type));
      if (isLost || (lastFates ?? []).some((one) => one !== "applied")) return;
      for (const counter of counters) {
        expect([counter, target.sum(counter)]).toEqual([counter, recorded[counter]]);
      }
    });
    await fc.assert(law, { numRuns: 2_000 });
  });
});
