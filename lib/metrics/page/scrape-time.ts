/**
 * The time that one scrape has. When it is over, or the scrape has ended, nothing that it began goes on.
 */

export interface ScrapeTime {
  /** Aborts when the time is over. */
  readonly signal: AbortSignal;
  /** What is left of it, in milliseconds. */
  leftMs(): number;
  /** Runs one reading of all Pushgateways; what it leaves unread is given up with its end. */
  reading<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T>;
  end(): void;
}

/** Starts it. @param timeoutMs how long it is. */
export function startScrapeTime(timeoutMs: number): ScrapeTime {
  const startedMs = performance.now();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeoutMs);
  return {
    signal: over.signal,
    leftMs: () => Math.max(0, timeoutMs - (performance.now() - startedMs)),
    async reading(run) {
      const ended = new AbortController();
      try {
        return await run(AbortSignal.any([over.signal, ended.signal]));
      } finally {
        ended.abort();
      }
    },
    end: () => clearTimeout(timer),
  };
}
