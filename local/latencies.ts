/**
 * Latencies of any number of requests in a memory that does not grow with it: counted in steps of
 * one per cent, so a quantile is off by no more than that.
 */

export interface Latencies {
  readonly count: number;
  /** The longest, exactly; 0 when there is none. */
  readonly maxMs: number;
  add(milliseconds: number): void;
  /** @param share 0.5 for the median. 0 when there is none. */
  quantileMs(share: number): number;
}

const STEP = Math.log(1.01);
/** Anything shorter counts as this. */
const SHORTEST_MS = 0.01;

export function countLatencies(): Latencies {
  const counts = new Map<number, number>();
  let count = 0;
  let maxMs = 0;
  return {
    get count() {
      return count;
    },
    get maxMs() {
      return maxMs;
    },
    add: (milliseconds) => {
      const step = Math.round(Math.log(Math.max(SHORTEST_MS, milliseconds)) / STEP);
      counts.set(step, (counts.get(step) ?? 0) + 1);
      count += 1;
      maxMs = Math.max(maxMs, milliseconds);
    },
    quantileMs: (share) => {
      let before = 0;
      for (const [step, number] of [...counts].sort(([a], [b]) => a - b)) {
        before += number;
        if (before >= share * count) return Math.min(maxMs, Math.exp(step * STEP));
      }
      return 0;
    },
  };
}
