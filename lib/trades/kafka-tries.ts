/**
 * Watches the tries of a send, request by request: whether the brokers may have what was sent, and
 * whether trying on is of any use. What may have arrived is tried on, since only its answer says
 * whether it did; what certainly has not is given up sooner.
 */

import { reasonOf } from "./kafka-failure.ts";

export interface Tries {
  /** Watches one more request. */
  request(): RequestTries;
  /** True when any request of it is. */
  areInDoubt(): boolean;
  /** What the last failed try failed of. */
  lastFailure(): unknown;
  /** Rejects with a failure when further tries are no use, and nothing is in doubt. */
  readonly hopeless: Promise<never>;
}

/** The tries of the same records to the same partition, and of all that is asked on their behalf. */
export interface RequestTries {
  /** A try of the library's operation begins. */
  begun(operation: string): void;
  /** It failed. @param tries of this operation in a row, from 1. */
  failed(operation: string, tries: number, failure: unknown): void;
  /** The partition has the records, whichever try it was that arrived. */
  acknowledged(): void;
  /** True when a try to produce may have arrived, or may yet, without an acknowledgement. */
  isInDoubt(): boolean;
}

/** The library's name of the operation that sends records. */
const PRODUCE = "produce";
/** With the waits between them, three seconds of refused connections. */
const MAX_SURE_TRIES = 10;

export function watchTries(): Tries {
  const requests: RequestTries[] = [];
  let last: unknown;
  const hopeless = Promise.withResolvers<never>();
  hopeless.promise.catch(() => {});
  const areInDoubt = () => requests.some((request) => request.isInDoubt());
  const onFailure = (tries: number, failure: unknown) => {
    last = failure;
    const isNoUse = reasonOf(failure) === "unauthorized" || tries >= MAX_SURE_TRIES;
    if (isNoUse && !areInDoubt()) hopeless.reject(failure);
  };
  return {
    request: () => {
      const request = watchRequest(onFailure);
      requests.push(request);
      return request;
    },
    areInDoubt,
    lastFailure: () => last,
    hopeless: hopeless.promise,
  };
}

function watchRequest(onFailure: (tries: number, failure: unknown) => void): RequestTries {
  let mayHaveArrived = 0;
  return {
    begun: (operation) => {
      if (operation === PRODUCE) mayHaveArrived += 1;
    },
    failed: (operation, tries, failure) => {
      const reason = reasonOf(failure);
      if (operation === PRODUCE && reason !== "unanswered") mayHaveArrived -= 1;
      // It was so in each try.
      if (operation === PRODUCE && reason === "too_large") mayHaveArrived = 0;
      onFailure(tries, failure);
    },
    acknowledged: () => {
      mayHaveArrived = 0;
    },
    isInDoubt: () => mayHaveArrived > 0,
  };
}
