/**
 * Reads a page again and again, as a scraper does, and looks at every counter and bucket on it: none
 * may ever be lower than on a page that was there before this one was asked for.
 */

import { setTimeout as delay } from "node:timers/promises";

export interface PageReport {
  readonly pages: number;
  /** Answers without a page: gaps, which do no harm. */
  readonly gaps: number;
  /** Values that were lower than before, over all pages. */
  readonly decreases: number;
  /** The first few of them. */
  readonly examples: readonly string[];
  /** What `increase()` makes of one family: a fall counts as a start from 0. By family. */
  readonly increases: ReadonlyMap<string, number>;
}

export interface PageWatchOptions {
  readonly url: string;
  /** Between two requests of one reader, in milliseconds. */
  readonly intervalMs: number;
  /** Readers at once, whose requests overlap. */
  readonly readers: number;
  /** Families to watch, by how their names begin. */
  readonly prefix: string;
}

export interface PageWatch {
  /** Ends it when the last answers are there. */
  stop(): Promise<PageReport>;
}

const TIMEOUT_MS = 5_000;
const MAX_EXAMPLES = 5;

export function watchPage(options: PageWatchOptions): PageWatch {
  const { url, intervalMs, readers, prefix } = options;
  const stopping = new AbortController();
  const highest = new Map<string, number>();
  const increases = new Map<string, number>();
  const examples: string[] = [];
  let [pages, gaps, decreases] = [0, 0, 0];

  const compare = (before: ReadonlyMap<string, number>, page: ReadonlyMap<string, number>) => {
    for (const [series, value] of page) {
      const last = before.get(series);
      if (last !== undefined && value < last) {
        decreases += 1;
        if (examples.length < MAX_EXAMPLES) examples.push(`${series}: ${last}, then ${value}`);
      }
      highest.set(series, Math.max(highest.get(series) ?? 0, value));
    }
  };

  /** The first reader's pages follow one another, as a scraper's do. */
  const read = async (isFirst: boolean) => {
    let last: ReadonlyMap<string, number> = new Map();
    for (;;) {
      const before = new Map(isFirst ? last : highest);
      const page = await fetchCounters(url, prefix);
      if (page === undefined) gaps += 1;
      else {
        pages += 1;
        compare(before, page);
        if (isFirst) {
          countIncreases(last, page, increases);
          last = new Map([...last, ...page]);
        }
      }
      if (stopping.signal.aborted) return;
      await delay(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const reading = Array.from({ length: readers }, (_, index) => read(index === 0));

  return {
    async stop() {
      stopping.abort();
      await Promise.all(reading);
      return { pages, gaps, decreases, examples, increases };
    },
  };
}

/** Every sample of a counter or a histogram on a page; undefined when there is no page. */
async function fetchCounters(
  url: string,
  prefix: string,
): Promise<Map<string, number> | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await answer.text();
    return answer.ok ? readCounters(text, prefix) : undefined;
  } catch {
    return undefined;
  }
}

function readCounters(text: string, prefix: string): Map<string, number> {
  const counters = new Map<string, number>();
  let isCounter = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("# TYPE ")) isCounter = / (counter|histogram)$/.test(line);
    if (!isCounter || !line.startsWith(prefix)) continue;
    const end = line.lastIndexOf(" ");
    counters.set(line.slice(0, end), Number(line.slice(end + 1)));
  }
  return counters;
}

/** As PromQL adds them up: the first sample of a series counts for nothing. */
function countIncreases(
  last: ReadonlyMap<string, number>,
  page: ReadonlyMap<string, number>,
  increases: Map<string, number>,
): void {
  for (const [series, value] of page) {
    const before = last.get(series);
    if (before === undefined) continue;
    const family = series.slice(0, series.indexOf("{"));
    const increase = value < before ? value : value - before;
    increases.set(family, (increases.get(family) ?? 0) + increase);
  }
}
