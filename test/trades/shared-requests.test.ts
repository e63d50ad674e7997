import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shareRequests } from "../../lib/trades/shared-requests.ts";

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Notes every request; those for which `fails` holds fail. */
function requests(fails: (things: readonly number[]) => boolean = () => false) {
  const sent: number[][] = [];
  let [underWay, most] = [0, 0];
  return {
    sent,
    mostAtATime: () => most,
    send: async (things: readonly number[]) => {
      sent.push([...things]);
      most = Math.max(most, (underWay += 1));
      await turn();
      underWay -= 1;
      if (fails(things)) throw new Error(`failed with ${things.join()}`);
    },
  };
}

const isForAll = () => false;
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, at) => from + at);

describe("requests that callers share", () => {
  it("send everything once, within their size and number at a time", async () => {
    const runs = fc.record({
      orders: fc.array(fc.nat(40), { maxLength: 12 }),
      size: fc.integer({ min: 1, max: 9 }),
      width: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ orders, size, width }) => {
        const { sent, send, mostAtATime } = requests();
        const share = shareRequests({ size, width, send, isForAll });
        let next = 0;
        await Promise.all(orders.map((count) => share(upTo(count, (next += count) - count))));
        expect(sent.flat().sort((a, b) => a - b)).toEqual(upTo(next));
        expect(Math.max(0, ...sent.map((things) => things.length))).toBeLessThanOrEqual(size);
        expect(mostAtATime()).toBeLessThanOrEqual(width);
      }),
    );
  });

  it("take together what is asked for at the same time", async () => {
    const { sent, send } = requests();
    const share = shareRequests({ size: 10, width: 1, send, isForAll });
    await Promise.all([share([1, 2]), share([3]), share([4, 5])]);
    expect(sent).toEqual([[1, 2, 3, 4, 5]]);
  });

  it("that fail are sent again for each caller alone, so that only those fail who cause it", async () => {
    const { sent, send } = requests((things) => things.includes(2));
    const share = shareRequests({ size: 4, width: 1, send, isForAll: () => false });
    const outcomes = await Promise.allSettled([share([1]), share([2, 3, 4, 5, 6]), share([7, 8])]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    // Of the second caller nothing more goes out.
    expect(sent).toEqual([[1, 2, 3, 4], [1], [2, 3, 4], [7, 8]]);
  });

  it("that fail for all are not sent again", async () => {
    const { sent, send } = requests((things) => things.includes(1));
    const share = shareRequests({ size: 2, width: 1, send, isForAll: () => true });
    const outcomes = await Promise.allSettled([share([1]), share([2, 3, 4]), share([5, 6])]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
    expect(sent).toEqual([
      [1, 2],
      [5, 6],
    ]);
  });

  it("leave nothing running behind a failure", async () => {
    const answers = new Map<number, PromiseWithResolvers<void>>();
    const send = ([thing = 0]: readonly number[]) => {
      const answer = Promise.withResolvers<void>();
      answers.set(thing, answer);
      return answer.promise;
    };
    const share = shareRequests({ size: 1, width: 2, send, isForAll });
    let isOver = false;
    const order = share([1, 2, 3]);
    const over = Promise.allSettled([order]).then(() => (isOver = true));
    await turn();
    answers.get(1)?.reject(new Error("no"));
    await turn();
    expect(isOver).toBe(false);
    answers.get(2)?.resolve();
    await over;
    await expect(order).rejects.toThrow("no");
    expect([...answers.keys()]).toEqual([1, 2]);
  });

  it("go on after failures", async () => {
    const { send } = requests((things) => things.includes(1));
    const share = shareRequests({ size: 2, width: 1, send, isForAll });
    await expect(share([1])).rejects.toThrow("failed with 1");
    await expect(share([2])).resolves.toBeUndefined();
    await expect(share([])).resolves.toBeUndefined();
  });
});
