import { afterEach, describe, expect, it, vi } from "vitest";
import { withRetries } from "../../local/retries.ts";
import { ServiceError, type ErrorCode } from "../../lib/errors.ts";

afterEach(() => void vi.useRealTimers());

/** Fails so many times before it succeeds. */
function failing(times: number, code: ErrorCode, retryAfterSeconds?: number) {
  let tries = 0;
  const work = async () => {
    tries += 1;
    if (tries > times) return "done";
    const options = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
    throw new ServiceError(code, "too much at once", options);
  };
  return { work, tries: () => tries };
}

function run(work: () => Promise<string>, signal = new AbortController().signal) {
  vi.useFakeTimers();
  const notes: string[] = [];
  const result = withRetries(work, { signal, onRetry: (text) => notes.push(text) });
  result.catch(() => {});
  return { result, notes };
}

describe("trying again", () => {
  it.each(["THROTTLED", "UNAVAILABLE"] as const)("helps over what was %s", async (code) => {
    const { work, tries } = failing(2, code);
    const { result, notes } = run(work);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await result).toBe("done");
    expect(tries()).toBe(3);
    expect(notes).toEqual([
      "too much at once; trying again in 1 s",
      "too much at once; trying again in 2 s",
    ]);
  });

  it("waits as long as it is told to", async () => {
    const { work } = failing(1, "THROTTLED", 7);
    const { result, notes } = run(work);
    await vi.advanceTimersByTimeAsync(7_000);
    expect(await result).toBe("done");
    expect(notes).toEqual(["too much at once; trying again in 7 s"]);
  });

  it("gives up after five times, with the last error", async () => {
    const { work, tries } = failing(9, "UNAVAILABLE");
    const { result } = run(work);
    await vi.advanceTimersByTimeAsync(60_000);
    await expect(result).rejects.toThrow("too much at once");
    expect(tries()).toBe(5);
  });

  it("does not help against what will not pass", async () => {
    const { work, tries } = failing(1, "INVALID_REQUEST");
    await expect(run(work).result).rejects.toThrow("too much at once");
    expect(tries()).toBe(1);
  });

  it("ends at a signal", async () => {
    const stop = new AbortController();
    const { work, tries } = failing(9, "UNAVAILABLE");
    const { result } = run(work, stop.signal);
    await vi.advanceTimersByTimeAsync(100);
    stop.abort();
    await expect(result).rejects.toThrow("too much at once");
    expect(tries()).toBe(2);
  });
});
