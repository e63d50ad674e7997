/**
 * Pushes that nobody answered. Each is the last word of its incarnation: the same payload is sent
 * again until it is answered, or its time is over and it counts at most once.
 */

import { elapsedMs, type Clock } from "./clock.ts";
import { postByHalves } from "./halves.ts";
import { isPastResend, type Incarnation, type Lease } from "./incarnation.ts";
import { isRejection, type PushMethod, type PushOutcome } from "./push-target.ts";
import type { FormattedFamily } from "./totals.ts";

export interface DoubtfulFamily extends FormattedFamily {
  /** Samples that are counted only if the push arrives. */
  readonly inDoubt: number;
}

/** Last words of an incarnation, whose fate is not known. */
export interface LastWords {
  readonly by: Incarnation;
  readonly method: PushMethod;
  readonly families: readonly DoubtfulFamily[];
}

export interface DoubtsOptions {
  readonly lease: Lease;
  readonly clock: Clock;
  readonly onUncertain: (samples: number) => void;
  /** Told of a family that is refused by itself. */
  readonly onRejected: (family: FormattedFamily, detail: string) => void;
}

/** Sends families under an incarnation. @param isClosing nothing will follow them there. */
export type SendWords = (
  by: Incarnation,
  method: PushMethod,
  families: readonly FormattedFamily[],
  isClosing: boolean,
) => Promise<PushOutcome>;

export interface Doubts {
  /** Keeps last words until they are settled. */
  park(words: LastWords): void;
  /** What is parked and may still be sent, and whether it closes its incarnation. */
  parked(): (LastWords & { readonly isClosing: boolean })[];
  /** Sends what is parked again, until something is not answered. @returns whether all of it arrived. */
  settle(send: SendWords): Promise<boolean>;
  /** Sends rejected families again, now and then, or at once when it is the last chance. */
  settleRejected(send: SendWords, isLastChance: boolean): Promise<void>;
}

/** Opens it with nothing in doubt. */
export function createDoubts(options: DoubtsOptions): Doubts {
  const { lease, clock, onUncertain, onRejected } = options;
  /** One, unless the process is about to end: until it is settled nothing else is pushed. */
  let parked: LastWords[] = [];
  /** Single families of what was parked: rejected now, they may have arrived before. */
  let rejected: (LastWords & { triedAt: ReturnType<Clock> })[] = [];

  /** Forgets what has been in doubt for too long. */
  function forgetOld(): void {
    const isKept = ({ by, families }: LastWords) => {
      if (!isPastResend(by, lease, clock())) return true;
      onUncertain(families.reduce((all, { inDoubt }) => all + inDoubt, 0));
      return false;
    };
    parked = parked.filter(isKept);
    rejected = rejected.filter(isKept);
  }

  /** Whether nothing else of its incarnation is in doubt: only then may they close it. */
  function areFinal(words: LastWords): boolean {
    const others = [...parked, ...rejected].filter((other) => other !== words);
    return others.every((other) => other.by !== words.by);
  }

  /** A parked payload that is rejected now may have arrived before: nothing of it is pending again. */
  async function settleByHalves(words: LastWords, send: SendWords): Promise<void> {
    const { by, families } = words;
    const left = new Set(families);
    const post = (part: readonly DoubtfulFamily[]) => send(by, "post", part, false);
    const isDone = await postByHalves(families, post, {
      arrived: (part) => part.forEach((family) => left.delete(family)),
      rejected(family, detail) {
        left.delete(family);
        onRejected(family, detail);
        if (family.inDoubt === 0) return;
        rejected.push({ by, method: "post", families: [family], triedAt: clock() });
      },
      unanswered() {},
    });
    replace(words, isDone ? [] : [{ by, method: "post", families: [...left] }]);
  }

  /** Nothing, when they were given up meanwhile. */
  function replace(words: LastWords, by: readonly LastWords[]): void {
    parked = parked.flatMap((other) => (other === words ? by : other));
  }

  return {
    park(words) {
      parked = [...parked, words];
    },
    parked() {
      forgetOld();
      return parked.map((words) => ({ ...words, isClosing: areFinal(words) }));
    },
    async settle(send) {
      forgetOld();
      // Whoever takes over meanwhile may park more, or give some of this up.
      for (const words of parked) {
        const outcome = await send(words.by, words.method, words.families, areFinal(words));
        if (outcome.outcome === "acknowledged") replace(words, []);
        else if (isRejection(outcome)) await settleByHalves(words, send);
        if (parked.includes(words)) return false;
      }
      return parked.length === 0;
    },
    async settleRejected(send, isLastChance) {
      for (const words of rejected) {
        if (!isLastChance && elapsedMs(words.triedAt, clock()) <= lease.resendMs) continue;
        words.triedAt = clock();
        const { by, method, families } = words;
        const { outcome } = await send(by, method, families, areFinal(words));
        if (outcome === "acknowledged") rejected = rejected.filter((other) => other !== words);
      }
    },
  };
}
