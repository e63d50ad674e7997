/**
 * Histograms by their bounds: many have the same, which are then held once.
 */

import type { WrittenHistogram } from "../read/protobuf-metric.ts";

export interface PackedHistogram {
  /** Ascending, the last one `Infinity`; one array for all histograms that have the same. */
  readonly bounds: readonly number[];
  /** Cumulative, one a bound. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** Opens a store of bounds. @returns what packs a histogram, which it takes over. */
export function createLayouts(): (histogram: WrittenHistogram) => PackedHistogram {
  const known = new Map<string, readonly number[]>();
  let last: readonly number[] = [];

  function intern(bounds: readonly number[]): readonly number[] {
    if (isSame(bounds, last)) return last;
    const id = bounds.join();
    last = known.get(id) ?? bounds;
    known.set(id, last);
    return last;
  }

  return (histogram) => {
    const { bounds, counts } = isAscending(histogram.bounds) ? histogram : inOrder(histogram);
    const { sum, count } = histogram;
    // The bucket of all is optional in a push.
    if (bounds.at(-1) !== Infinity) {
      bounds.push(Infinity);
      counts.push(count);
    }
    return { bounds: intern(bounds), counts, sum, count };
  };
}

/** Bounds ascending, each once: the one written last counts, as in the JSON form. */
function inOrder({ bounds, counts }: WrittenHistogram) {
  const written = new Map(bounds.map((le, i) => [le, counts[i] ?? 0]));
  const ascending = [...written].sort(([a], [b]) => a - b);
  return { bounds: ascending.map(([le]) => le), counts: ascending.map(([, total]) => total) };
}

function isAscending(bounds: readonly number[]): boolean {
  for (let i = 1; i < bounds.length; i += 1) {
    const [below = 0, bound = 0] = [bounds[i - 1], bounds[i]];
    if (!(below < bound)) return false;
  }
  return true;
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
