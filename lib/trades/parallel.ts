/**
 * Work in parallel with a bound, that leaves nothing running behind an error.
 */

/**
 * Runs the task for every item, at most `width` at a time. After the first failure no further item
 * is begun; what runs is awaited, then that failure is thrown.
 */
export async function forEachParallel<T>(
  items: Iterable<T>,
  width: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items].values();
  const failures: unknown[] = [];
  const worker = async () => {
    for (const item of queue) {
      if (failures.length > 0) return;
      await task(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  if (failures.length > 0) throw failures[0];
}
