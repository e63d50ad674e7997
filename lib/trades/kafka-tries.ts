/**
 * Watches the tries of a send: whether the brokers may have what was sent, and whether trying on is of
 * any use. What may have arrived is tried on, since only its answer says whether it did; what certainly
 * has not is given up sooner.
 */

import { reasonOf } from "./kafka-failure.ts";

export interface Tries {
  /** A try of the library's operation begins. */
  begun(operation: string): void;
  /** It failed. @param tries of this operation in a row, from 1. */
  failed(operation: string, tries: number, failure: unknown): void;
  /** A partition answered what was produced to it. */
  acknowledged(): void;
  /** True when a try to produce may have arrived, or may yet, without an acknowledgement. */
  areInDoubt(): boolean;
  /** What the last failed try failed of. */
  lastFailure(): unknown;
  /** Rejects with a failure when further tries are no use, and nothing is in doubt. */
  readonly hopeless: Promise<never>;
}

/** The library's name of the operation that sends records. */
const PRODUCE = "produce";
/** With the waits between them, three seconds of refused connections. */
const MAX_SURE_TRIES = 10;

export function watchTries(): Tries {
  let mayHaveArrived = 0;
  let last: unknown;
  const hopeless = Promise.withResolvers<never>();
  hopeless.promise.catch(() => {});
  return {
    begun: (operation) => {
      if (operation === PRODUCE) mayHaveArrived += 1;
    },
    failed: (operation, tries, failure) => {
      last = failure;
      const reason = reasonOf(failure);
      if (operation === PRODUCE && reason !== "unanswered") mayHaveArrived -= 1;
      const isNoUse = reason === "unauthorized" || tries >= MAX_SURE_TRIES;
      if (mayHaveArrived === 0 && isNoUse) hopeless.reject(failure);
    },
    acknowledged: () => {
      mayHaveArrived -= 1;
    },
    areInDoubt: () => mayHaveArrived > 0,
    lastFailure: () => last,
    hopeless: hopeless.promise,
  };
}
