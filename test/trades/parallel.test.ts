import * as fc from "fast-check";
import { expect, it } from "vitest";
import { forEachParallel } from "../../lib/trades/parallel.ts";

/** Tasks that end in the order the test wants, and what became of them. */
function tasks() {
  const running = new Map<number, PromiseWithResolvers<void>>();
  const begun: number[] = [];
  return {
    begun,
    running,
    task: (item: number) => {
      const done = Promise.withResolvers<void>();
      begun.push(item);
      running.set(item, done);
      return done.promise.finally(() => running.delete(item));
    },
  };
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

it("does every item once, never more than so many at a time", async () => {
  const runs = fc.record({ items: fc.array(fc.nat()), width: fc.integer({ min: 1, max: 8 }) });
  await fc.assert(
    fc.asyncProperty(runs, async ({ items, width }) => {
      let [underWay, most] = [0, 0];
      const done: number[] = [];
      await forEachParallel(items, width, async (item) => {
        most = Math.max(most, (underWay += 1));
        await turn();
        done.push(item);
        underWay -= 1;
      });
      expect(done.sort((a, b) => a - b)).toEqual([...items].sort((a, b) => a - b));
      expect(most).toBe(Math.min(width, items.length));
    }),
    { numRuns: 30 },
  );
});

it("begins nothing after a failure, awaits what runs, then throws that failure", async () => {
  const { begun, running, task } = tasks();
  let isOver = false;
  const work = forEachParallel([1, 2, 3, 4], 2, task);
  const over = Promise.allSettled([work]).then(() => (isOver = true));
  running.get(1)?.reject(new Error("the first"));
  await turn();
  expect(isOver).toBe(false);
  running.get(2)?.reject(new Error("the second"));
  await over;
  await expect(work).rejects.toThrow("the first");
  expect(begun).toEqual([1, 2]);
});
