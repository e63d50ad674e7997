/**
 * What a partition remembers of its idempotent producers, so that a batch that is sent again is
 * answered again and not appended again.
 */

import type { BatchHead } from "./record-batch.ts";
import {
  INVALID_PRODUCER_EPOCH,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  UNKNOWN_PRODUCER_ID,
} from "./error-codes.ts";

export interface ProducerState {
  /** Whether a batch may be appended: its former offset when it was, an error code when it may not. */
  check(head: BatchHead): Verdict;
  /** Remembers a batch that was appended. */
  remember(head: BatchHead, baseOffset: number): void;
}

export type Verdict =
  | { readonly kind: "new" }
  | { readonly kind: "duplicate"; readonly baseOffset: number }
  | { readonly kind: "refused"; readonly error: number };

interface Known {
  readonly epoch: number;
  /** The last batches, the newest at the end. */
  readonly batches: readonly Sent[];
}

interface Sent {
  readonly baseSequence: number;
  readonly nextSequence: number;
  readonly baseOffset: number;
}

/** As many as a producer may have in flight. */
const MAX_BATCHES = 5;
const MAX_PRODUCERS = 1_000;
/** Sequences begin again at 0 after 2^31 - 1. */
const SEQUENCES = 2 ** 31;

export function createProducerState(): ProducerState {
  const producers = new Map<bigint, Known>();
  return {
    check: (head) => {
      if (head.producerId < 0n) return { kind: "new" };
      const known = producers.get(head.producerId);
      if (known === undefined || head.producerEpoch > known.epoch)
        return head.baseSequence === 0
          ? { kind: "new" }
          : refused(known === undefined ? UNKNOWN_PRODUCER_ID : OUT_OF_ORDER_SEQUENCE_NUMBER);
      if (head.producerEpoch < known.epoch) return refused(INVALID_PRODUCER_EPOCH);
      const sent = known.batches.find(({ baseSequence }) => baseSequence === head.baseSequence);
      if (sent !== undefined) return { kind: "duplicate", baseOffset: sent.baseOffset };
      return known.batches.at(-1)?.nextSequence === head.baseSequence
        ? { kind: "new" }
        : refused(OUT_OF_ORDER_SEQUENCE_NUMBER);
    },
    remember: (head, baseOffset) => {
      const { producerId, producerEpoch, baseSequence, lastOffsetDelta } = head;
      if (producerId < 0n) return;
      const known = producers.get(producerId);
      const former = known?.epoch === producerEpoch ? known.batches : [];
      const nextSequence = (baseSequence + lastOffsetDelta + 1) % SEQUENCES;
      const batches = [...former, { baseSequence, nextSequence, baseOffset }].slice(-MAX_BATCHES);
      // Taken out first, the one that sent last is the last to be forgotten.
      producers.delete(producerId);
      producers.set(producerId, { epoch: producerEpoch, batches });
      const [oldest] = producers.keys();
      if (producers.size > MAX_PRODUCERS && oldest !== undefined) producers.delete(oldest);
    },
  };
}

function refused(error: number): Verdict {
  return { kind: "refused", error };
}
