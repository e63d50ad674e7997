/**
 * Cuts a stream into batches: of so many items at most, of so much, and within so much time.
 */

export interface BatchLimits<Item> {
  readonly maxItems: number;
  /** Time from the first item of a batch until it is handed over, full or not. */
  readonly windowMs: number;
  readonly maxSize: number;
  readonly sizeOf: (item: Item) => number;
}

/** @yields batches of at least one item; an item larger than `maxSize` comes alone. */
export async function* inBatches<Item>(
  items: AsyncIterable<Item>,
  { maxItems, windowMs, maxSize, sizeOf }: BatchLimits<Item>,
): AsyncGenerator<Item[]> {
  const iterator = items[Symbol.asyncIterator]();
  /** Asked for already; the window's end does not take it back. */
  let pending: Promise<IteratorResult<Item>> | undefined;
  let held: Item | undefined;
  try {
    for (;;) {
      const batch: Item[] = [];
      let size = 0;
      let isOver = false;
      let timer: NodeJS.Timeout | undefined;
      const { promise: windowEnd, resolve: endWindow } = Promise.withResolvers<"window">();
      while (batch.length < maxItems) {
        if (held === undefined) {
          pending ??= iterator.next();
          const next = await Promise.race([pending, windowEnd]);
          if (next === "window") break;
          pending = undefined;
          isOver = next.done === true;
          if (next.done === true) break;
          held = next.value;
        }
        if (batch.length > 0 && size + sizeOf(held) > maxSize) break;
        size += sizeOf(held);
        batch.push(held);
        held = undefined;
        timer ??= setTimeout(() => endWindow("window"), windowMs);
      }
      clearTimeout(timer);
      if (batch.length > 0) yield batch;
      if (isOver) return;
    }
  } finally {
    pending?.catch(() => {});
    await iterator.return?.();
  }
}
