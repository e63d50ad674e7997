/**
 * What all parts of a simulated run share: its time, its order, its chance, and what went wrong.
 */

import type { Scheduler } from "fast-check";
import type { Windows } from "../../../lib/metrics/retire/ledger.ts";
import { createRandom, type Random } from "./random.ts";

/** A rule of the protocol that a run may leave out, to show that it is needed. */
export type Rule =
  /** An environment that was silent for too long pushes under a new id. */
  | "lease"
  /** The base is replaced only by who has read it. */
  | "conditional base"
  /** The floor is replaced only by who has read it. */
  | "conditional floor"
  /** Groups are read before the ledger. */
  | "read order"
  /** A snapshot older than the horizon is read again. */
  | "stale snapshots"
  /** A group behind the horizon does not count. */
  | "horizon"
  /** A group that was folded does not count. */
  | "tombstones"
  /** A push that nobody answered is parked. */
  | "parking"
  /** What was parked is never pending again. */
  | "give up"
  /** Nothing follows a push that was sent twice. */
  | "last word"
  /** Only what nothing will follow is marked as closed. */
  | "closing mark"
  /** Parts of a payload are POSTed. */
  | "parts by POST"
  /** No push is applied later than the margin after it was sent. */
  | "bounded lateness"
  /** After a clock was set nothing silent is folded for a window. */
  | "clock watch"
  /** A Pushgateway stays on the list for a window after it was found empty. */
  | "vacancy"
  /** An instance that is read twice counts once. */
  | "once an instance"
  /** No page is served below the last. */
  | "floor";

export interface WorldOptions {
  readonly scheduler: Scheduler;
  /** Decides everything but the order of calls. */
  readonly seed: number;
  readonly without?: Rule | undefined;
}

/** Whoever does something: an environment, a retirement or a scrape. */
export interface Process {
  isDead: boolean;
}

export interface World {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly without: Rule | undefined;
  readonly violations: readonly string[];
  nowSeconds(): number;
  /** Lets time pass, but no longer than the requests on their way may take. */
  wait(seconds: number): void;
  /** A point where the rest of the world may go on, and where a dead process stays for ever. */
  turn(process: Process, label: string): Promise<void>;
  /** The same while a request is on its way. @param onDeath when its process dies meanwhile. */
  travel(process: Process, label: string, onDeath: () => void): Promise<void>;
  /** Happens at a place within the margin, unless the rule of it is left out. */
  later(place: object, happen: () => void): void;
  /** What is due happens. */
  happenLate(): void;
  /** What is late at this place never happens. */
  dropLate(place: object): void;
  readonly complain: (violation: string) => void;
}

export const WINDOWS: Windows = {
  retireAfterSeconds: 1_800,
  leaseSeconds: 1_200,
  resendSeconds: 180,
  persistenceSeconds: 300,
  marginSeconds: 90,
};
/** No request takes longer to arrive. */
const TIMEOUT_SECONDS = 10;
const MAX_VIOLATIONS = 5;

/** Opens a world in which nothing has happened yet. */
export function createWorld({ scheduler, seed, without }: WorldOptions): World {
  const random = createRandom(seed);
  const violations: string[] = [];
  const travelling = new Set<{ readonly process: Process; readonly atSeconds: number }>();
  let late: { place: object; dueSeconds: number; happen: () => void }[] = [];
  let nowSeconds = 1_700_000_000;
  /** How long a push may wait where it has arrived: what is left of the margin. */
  const latestSeconds =
    (WINDOWS.marginSeconds - TIMEOUT_SECONDS) * (without === "bounded lateness" ? 60 : 1);

  const schedule = async (label: string) => {
    await scheduler.schedule(Promise.resolve(), label);
  };
  const stopIfDead = async (process: Process) => {
    if (process.isDead) await new Promise<never>(() => {});
  };

  return {
    scheduler,
    random,
    without,
    violations,
    nowSeconds: () => nowSeconds,
    wait(seconds) {
      const limits = [...travelling]
        .filter((sent) => !sent.process.isDead)
        .map((sent) => sent.atSeconds + TIMEOUT_SECONDS - nowSeconds);
      nowSeconds += Math.max(0, Math.min(seconds, ...limits));
    },
    async turn(process, label) {
      await schedule(label);
      await stopIfDead(process);
    },
    async travel(process, label, onDeath) {
      const sent = { process, atSeconds: nowSeconds };
      travelling.add(sent);
      await schedule(label);
      travelling.delete(sent);
      if (process.isDead && nowSeconds - sent.atSeconds <= TIMEOUT_SECONDS) onDeath();
      await stopIfDead(process);
    },
    later(place, happen) {
      late.push({ place, dueSeconds: nowSeconds + random.below(latestSeconds), happen });
    },
    happenLate() {
      const due = late.filter(({ dueSeconds }) => dueSeconds <= nowSeconds);
      late = late.filter(({ dueSeconds }) => dueSeconds > nowSeconds);
      for (const { happen } of due) happen();
    },
    dropLate(place) {
      late = late.filter((one) => one.place !== place);
    },
    complain(violation) {
      if (violations.length < MAX_VIOLATIONS) violations.push(violation);
    },
  };
}
