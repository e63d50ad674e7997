/**
 * Which form of a Pushgateway's groups to ask for, by what the last snapshot held. Measured by
 * `bench/page.ts`: the page costs the Pushgateway much for each metric and little for a bucket; JSON is
 * the other way round.
 */

import type { Group, Snapshot } from "../family.ts";

export interface FormatChoice {
  /** Whether to ask for the page; else for JSON, which is never broken. */
  isPage(): boolean;
  /** The page could not be had or not be read: for some time it is not asked for. */
  pageFailed(): void;
  /** Looks at a snapshot while it is iterated. */
  observe(snapshot: Snapshot): Snapshot;
}

/** From so many buckets a metric on, the page is there sooner. */
const LEAST_BUCKETS_A_METRIC = 3;
/** An inconsistent group breaks the page until its environment ends: no use in asking each time. */
const READS_WITHOUT_PAGE = 20;

interface Shape {
  metrics: number;
  buckets: number;
}

/** Opens a choice for one Pushgateway; it begins with JSON. */
export function createFormatChoice(): FormatChoice {
  let last: Shape = { metrics: 0, buckets: 0 };
  let readsWithoutPage = 0;

  async function* watch(groups: AsyncIterable<Group>): AsyncGenerator<Group> {
    const shape: Shape = { metrics: 0, buckets: 0 };
    for await (const group of groups) {
      countSamples(group, shape);
      yield group;
    }
    last = shape;
  }

  return {
    isPage() {
      if (readsWithoutPage > 0) {
        readsWithoutPage -= 1;
        return false;
      }
      return last.buckets > LEAST_BUCKETS_A_METRIC * last.metrics;
    },
    pageFailed() {
      readsWithoutPage = READS_WITHOUT_PAGE;
    },
    observe: (snapshot) => ({ ...snapshot, groups: watch(snapshot.groups) }),
  };
}

function countSamples({ families }: Group, shape: Shape): void {
  for (const { type, samples } of families) {
    shape.metrics += samples.length;
    if (type !== "histogram") continue;
    for (const { buckets } of samples) shape.buckets += buckets.length;
  }
}
