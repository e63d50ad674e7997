import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Deliverable,
  deliverBatch,
  type DeliverOptions,
} from "../../../local/event-source/deliver-batch.ts";

const records = (partition: number, from: number, count: number): Deliverable[] =>
  Array.from({ length: count }, (_, i) => ({
    topic: "trades",
    partition,
    offset: BigInt(from + i),
  }));
const failure = (partition: unknown, offset: unknown) => ({
  itemIdentifier: { partition, offset },
});
const nameOf = ({ partition, offset }: Deliverable) => `${partition}:${offset}`;

/** Delivers to a function that answers so, one answer after the other, then as if all were done. */
async function deliver(
  batch: readonly Deliverable[],
  answers: readonly unknown[],
  more: Partial<DeliverOptions<Deliverable>> = {},
) {
  const calls: string[][] = [];
  const commits: string[][] = [];
  const givenUp: string[] = [];
  const pauses: number[] = [];
  await deliverBatch(batch, {
    invoke: async (some) => {
      calls.push(some.map(nameOf));
      const answer = answers[calls.length - 1];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    commit: async (next) => void commits.push(next.map(nameOf).toSorted()),
    giveUp: (some) => givenUp.push(...some.map(nameOf)),
    maxRetries: 3,
    pause: async (milliseconds) => void pauses.push(milliseconds),
    ...more,
  });
  return { calls, commits, givenUp, pauses };
}

const BATCH = [...records(0, 10, 3), ...records(1, 0, 2)];
const ALL = BATCH.map(nameOf);
const DONE = ["0:13", "1:2"];

describe("deliverBatch", () => {
  it.each([undefined, null, {}, { batchItemFailures: [] }, { batchItemFailures: null }])(
    "commits behind the last record of each partition when the answer is %j",
    async (answer) => {
      const { calls, commits } = await deliver(BATCH, [answer]);
      expect([calls, commits]).toEqual([[ALL], [DONE]]);
    },
  );

  it("commits below a failed offset, and delivers again from it on", async () => {
    const { calls, commits, pauses } = await deliver(BATCH, [
      { batchItemFailures: [failure("trades-0", 12), failure("trades-0", 11)] },
    ]);
    expect(calls).toEqual([ALL, ["0:11", "0:12"]]);
    expect(commits).toEqual([["0:11", "1:2"], ["0:13"]]);
    expect(pauses).toHaveLength(1);
  });

  it.each([
    ["a function that fails", new Error("out of memory")],
    ["a partition that is not in the batch", { batchItemFailures: [failure("trades-7", 10)] }],
    ["an offset that is not in the batch", { batchItemFailures: [failure("trades-0", 9)] }],
    ["an identifier of another event source", { batchItemFailures: [{ itemIdentifier: "10" }] }],
    ["an identifier that is null", { batchItemFailures: [{ itemIdentifier: null }] }],
    ["an offset in text", { batchItemFailures: [failure("trades-0", "10")] }],
    [
      "the first record of all",
      { batchItemFailures: [failure("trades-0", 10), failure("trades-1", 0)] },
    ],
  ])("delivers all of it again, and commits nothing, after %s", async (_fact, answer) => {
    const { calls, commits } = await deliver(BATCH, [answer]);
    expect([calls, commits]).toEqual([[ALL, ALL], [DONE]]);
  });

  it("gives up what was tried too often, goes on behind it, and waits longer each time", async () => {
    const answers = Array.from({ length: 9 }, () => new Error("down"));
    const { calls, commits, givenUp, pauses } = await deliver(BATCH, answers);
    expect(calls).toHaveLength(4);
    expect(givenUp).toEqual(ALL);
    expect(commits).toEqual([DONE]);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(new Set(pauses).size).toBe(3);
  });

  it("does not count a try that got something done", async () => {
    const batch = records(0, 0, 8);
    const answers = batch.map((_, i) => ({ batchItemFailures: [failure("trades-0", i)] })).slice(1);
    const { givenUp, commits } = await deliver(batch, answers, { maxRetries: 1 });
    expect([givenUp, commits.at(-1)]).toEqual([[], ["0:8"]]);
  });

  it("leaves the rest for another time when it may not wait, and when it can't commit", async () => {
    const refuse = () => Promise.reject(new Error("closing"));
    await expect(deliver(BATCH, [new Error("down")], { pause: refuse })).rejects.toThrow("closing");
    await expect(deliver(BATCH, [], { commit: refuse })).rejects.toThrow("closing");
  });

  it("delivers each record until it is done, commits never go back, none passes what is not done", async () => {
    const plans = fc.array(
      fc.record({ partition: fc.nat(2), offset: fc.nat(9), isThrown: fc.boolean() }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const batch = [0, 1, 2].flatMap((partition) => records(partition, 0, 10));
        const committed = new Map<number, bigint>();
        const done = new Set<string>();
        let call = 0;
        await deliverBatch(batch, {
          invoke: async (some) => {
            const step = plan[call];
            call += 1;
            if (step?.isThrown === true) throw new Error("down");
            const fails = (one: Deliverable) =>
              step?.partition === one.partition && one.offset >= BigInt(step.offset);
            for (const one of some.filter((each) => !fails(each))) done.add(nameOf(one));
            const failed = some.find(fails);
            if (failed === undefined) return {};
            return {
              batchItemFailures: [failure(`trades-${failed.partition}`, Number(failed.offset))],
            };
          },
          commit: async (next) => {
            for (const { partition, offset } of next) {
              expect(offset).toBeGreaterThanOrEqual(committed.get(partition) ?? 0n);
              committed.set(partition, offset);
              for (const one of records(partition, 0, Number(offset)))
                expect(done).toContain(nameOf(one));
            }
          },
          giveUp: () => expect.unreachable(),
          maxRetries: 20,
          pause: async () => {},
        });
        expect([...committed]).toEqual([0, 1, 2].map((partition) => [partition, 10n]));
      }),
    );
  });
});
