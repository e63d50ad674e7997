/**
 * What all parts of a simulated run share: its time, and the points where anything else may go on.
 */

import { setImmediate as nextImmediate } from "node:timers/promises";
import type { Scheduler } from "fast-check";
import { vi } from "vitest";
import type { Windows } from "../../../lib/metrics/retire/ledger.ts";
import { isLeftOut } from "./left-out.ts";

/**
 * What becomes of a request: it arrives and is answered; it is refused; it is lost on the way; it
 * arrives and its answer does not, sooner or later; it is sent twice, and the first arrives later; or
 * half of it arrives.
 */
export type Fate = "arrives" | "refused" | "lost" | "late" | "resent" | "cut";

/** Whoever does something: an environment, a retirement or a scrape. */
export interface Process {
  /** Killed: it does nothing any more; what it sent may arrive all the same. */
  isDead: boolean;
  /** Of its next requests, in order; all others arrive. */
  readonly fates: Fate[];
}

export interface World {
  /** A point where the rest of the world may go on, and where a dead process stays for ever. */
  turn(process: Process, label: string): Promise<void>;
  /** The same for what is no process. */
  step(label: string): Promise<void>;
  /** Something is under way, and ends when the scheduler says so, within this time. */
  travel(label: string, withinMs: number): Promise<void>;
  /** The same for a push that is late: within the margin, unless that rule is left out. */
  dawdle(label: string): Promise<void>;
  /** Lets time pass: what has to end meanwhile ends in time. */
  pass(seconds: number): Promise<void>;
  /** Time stops there once, so that what is due then happens at that time. */
  stopAt(ms: number): void;
  /** Until nothing goes on any more. */
  settle(): Promise<void>;
}

export const WINDOWS: Windows = {
  retireAfterSeconds: 1_800,
  leaseSeconds: 1_200,
  resendSeconds: 180,
  persistenceSeconds: 300,
  marginSeconds: 90,
};
const START_MS = 1_700_000_000_000;

export const nowSeconds = (): number => Date.now() / 1_000;

/** Never resolves: where a dead process stays. */
export const forEver = (): Promise<never> => new Promise(() => {});

/** Nothing happens for so long. */
export const standStill = (ms: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, ms));

/** Opens a world in which nothing has happened yet; its time is that of Vitest's fake timers. */
export function createWorld(scheduler: Scheduler): World {
  vi.clearAllTimers();
  vi.setSystemTime(START_MS);
  const limits = new Set<{ readonly atMs: number }>();
  let stops: number[] = [];

  const schedule = (label: string) => scheduler.schedule(Promise.resolve(), label);
  const travel = async (label: string, withinMs: number) => {
    const limit = { atMs: Date.now() + withinMs };
    limits.add(limit);
    await schedule(label);
    limits.delete(limit);
  };

  return {
    travel,
    step: schedule,
    async turn(process, label) {
      await schedule(label);
      if (process.isDead) await forEver();
    },
    dawdle(label) {
      const withinMs = WINDOWS.marginSeconds * 1_000;
      return isLeftOut("bounded lateness") ? standStill(40 * withinMs) : travel(label, withinMs);
    },
    async pass(seconds) {
      const endMs = Date.now() + Math.round(seconds * 1_000);
      for (;;) {
        stops = stops.filter((ms) => ms > Date.now());
        const next = Math.min(endMs, ...stops, ...[...limits].map(({ atMs }) => atMs));
        vi.advanceTimersByTime(Math.max(0, next - Date.now()));
        if (Date.now() >= endMs) return;
        await schedule("time passes");
      }
    },
    stopAt: (ms) => void stops.push(ms),
    async settle() {
      do {
        await scheduler.waitIdle();
        await nextImmediate();
      } while (scheduler.count() > 0);
    },
  };
}
