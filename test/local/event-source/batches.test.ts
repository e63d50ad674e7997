import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inBatches } from "../../../local/event-source/batches.ts";

const LIMITS = { maxItems: 100, windowMs: 60_000, maxSize: 1_000, sizeOf: (item: number) => item };

/** Items as they come; `push` and `end` from outside. */
function openItems<Item>() {
  const waiting: ((result: IteratorResult<Item>) => void)[] = [];
  const ready: IteratorResult<Item>[] = [];
  const give = (result: IteratorResult<Item>) => {
    const taker = waiting.shift();
    if (taker === undefined) ready.push(result);
    else taker(result);
  };
  return {
    push: (...items: Item[]) => items.forEach((value) => give({ done: false, value })),
    end: () => give({ done: true, value: undefined }),
    items: {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          const result = ready.shift();
          if (result !== undefined) return Promise.resolve(result);
          const { promise, resolve } = Promise.withResolvers<IteratorResult<Item>>();
          waiting.push(resolve);
          return promise;
        },
      }),
    },
  };
}

describe("inBatches", () => {
  it("leaves nothing out, keeps the order, and fills batches up to their limits", async () => {
    const cases = fc.record({
      items: fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 }),
      maxItems: fc.integer({ min: 1, max: 10 }),
      maxSize: fc.integer({ min: 1, max: 100 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ items, maxItems, maxSize }) => {
        const source = openItems<number>();
        source.push(...items);
        source.end();
        const limits = { ...LIMITS, maxItems, maxSize };
        const batches = await Array.fromAsync(inBatches(source.items, limits));
        expect(batches.flat()).toEqual(items);
        const sum = (batch: number[]) => batch.reduce((total, item) => total + item, 0);
        for (const [i, batch] of batches.entries()) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(maxItems);
          if (batch.length > 1) expect(sum(batch)).toBeLessThanOrEqual(maxSize);
          const first = batches[i + 1]?.[0];
          const isFull = batch.length === maxItems || first === undefined;
          if (!isFull) expect(sum(batch) + first).toBeGreaterThan(maxSize);
        }
      }),
    );
  });

  it("hands a batch over when its window is over, and what comes later in the next", async () => {
    const source = openItems<number>();
    const batches = inBatches(source.items, { ...LIMITS, windowMs: 20 });
    source.push(1, 2);
    expect((await batches.next()).value).toEqual([1, 2]);
    source.push(3);
    expect((await batches.next()).value).toEqual([3]);
    source.end();
    expect((await batches.next()).done).toBe(true);
  });

  it("fails when its items do, after what came before", async () => {
    async function* items() {
      yield 1;
      throw new Error("torn");
    }
    const batches = inBatches(items(), { ...LIMITS, maxItems: 1 });
    expect((await batches.next()).value).toEqual([1]);
    await expect(batches.next()).rejects.toThrow("torn");
  });
});
