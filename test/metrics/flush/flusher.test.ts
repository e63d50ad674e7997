import { expect, it, onTestFinished, vi } from "vitest";
import type { Environment, FlushOptions } from "../../../lib/metrics/flush/environment.ts";
import { flushByTimer } from "../../../lib/metrics/flush/flusher.ts";

const END = { requestId: "r1", leftMs: () => 3_000 };

/** A timer that flushes every 50 ms an environment whose flushes end as told, then well. */
function open(...results: boolean[]) {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const flushes: (FlushOptions | undefined)[] = [];
  const environment = {
    flush(options?: FlushOptions) {
      flushes.push(options);
      return Promise.resolve(results.shift() ?? true);
    },
  } as Environment;
  return { flushes, flusher: flushByTimer(environment, 50) };
}

it("a timer pushes once an interval what invocations have left, and nothing where none has", async () => {
  const { flushes, flusher } = open();
  await vi.advanceTimersByTimeAsync(500);
  expect(flushes).toEqual([]);
  for (let i = 0; i < 10; i += 1) await flusher.afterInvocation(END);
  await vi.advanceTimersByTimeAsync(500);
  expect(flushes).toHaveLength(1);
});

it("a timer pushes again what did not arrive", async () => {
  const { flushes, flusher } = open(false, false);
  await flusher.afterInvocation(END);
  await vi.advanceTimersByTimeAsync(500);
  expect(flushes).toHaveLength(3);
});

it("a timer pushes no sooner at a deadline, which ends no process there", async () => {
  const { flushes, flusher } = open();
  flusher.beforeDeadline(400);
  expect(flushes).toEqual([]);
  await vi.advanceTimersByTimeAsync(50);
  expect(flushes).toEqual([undefined]);
});
