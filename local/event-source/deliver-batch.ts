/**
 * Hands a batch to the function until it is dealt with, as Lambda's event source mapping does: what
 * the function asks for again comes again, an offset is committed once all below it is dealt with.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
 */

import type { KafkaBatchResponse } from "../../lib/trades/kafka-event.ts";

/** What has to be known of a record to deliver it. */
export interface Deliverable {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

export interface DeliverOptions<Received extends Deliverable> {
  /** Answers what the function did; rejects when it failed. */
  readonly invoke: (records: readonly Received[]) => Promise<unknown>;
  /** Commits the offset of the next record of each partition. */
  readonly commit: (next: readonly Deliverable[]) => Promise<void>;
  /** Called with what was tried too often; it is committed and not delivered again. */
  readonly giveUp: (records: readonly Received[], cause: unknown) => void;
  /** Tries of the same records after the first. */
  readonly maxRetries: number;
  /** Waits between tries; rejects to leave the rest for another time. */
  readonly pause: (milliseconds: number) => Promise<void>;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/**
 * Delivers a batch.
 * @param records each partition's in the order of their offsets.
 * @throws what `commit` and `pause` reject with; then what was not committed is to come again.
 */
export async function deliverBatch<Received extends Deliverable>(
  records: readonly Received[],
  options: DeliverOptions<Received>,
): Promise<void> {
  const { invoke, commit, giveUp, maxRetries, pause } = options;
  let left = records;
  let retries = 0;
  while (left.length > 0) {
    const { rest, cause } = await attempt(left, invoke);
    const done = left.length - rest.length;
    if (done > 0) await commit(nextOffsets(left, rest));
    retries = done > 0 ? 0 : retries + 1;
    left = rest;
    if (left.length === 0) return;
    if (retries > maxRetries) {
      giveUp(left, cause);
      await commit(nextOffsets(left, []));
      return;
    }
    await pause(Math.min(FIRST_PAUSE_MS * 2 ** retries, MAX_PAUSE_MS));
  }
}

interface Attempt<Received> {
  /** What is to come again. */
  readonly rest: readonly Received[];
  readonly cause: unknown;
}

async function attempt<Received extends Deliverable>(
  records: readonly Received[],
  invoke: DeliverOptions<Received>["invoke"],
): Promise<Attempt<Received>> {
  try {
    const failures = failuresOf(await invoke(records));
    const cause = new Error("the function asked for them again");
    if (!isSound(failures, records)) return { rest: records, cause };
    const rest = records.filter((record) => {
      const from = failures.get(`${record.topic}-${record.partition}`);
      return from !== undefined && record.offset >= from;
    });
    return { rest, cause };
  } catch (cause) {
    return { rest: records, cause };
  }
}

/** The lowest failed offset by partition; undefined when the answer is none that Lambda takes. */
function failuresOf(answer: unknown): Map<string, bigint> | undefined {
  const { batchItemFailures } = (answer ?? {}) as Partial<KafkaBatchResponse>;
  const lowest = new Map<string, bigint>();
  for (const failure of batchItemFailures ?? []) {
    const { partition, offset } = failure?.itemIdentifier ?? {};
    if (typeof partition !== "string" || !Number.isSafeInteger(offset)) return undefined;
    const found = BigInt(offset ?? 0);
    const known = lowest.get(partition);
    if (known === undefined || found < known) lowest.set(partition, found);
  }
  return lowest;
}

/** A failure that names no record of the batch fails all of it. */
function isSound(
  failures: Map<string, bigint> | undefined,
  records: readonly Deliverable[],
): failures is Map<string, bigint> {
  if (failures === undefined) return false;
  return [...failures].every(([source, offset]) =>
    records.some((one) => `${one.topic}-${one.partition}` === source && one.offset === offset),
  );
}

/** Of each partition of the batch: the first record that is left, or the one after its last. */
function nextOffsets(records: readonly Deliverable[], rest: readonly Deliverable[]): Deliverable[] {
  const next = new Map<string, Deliverable>();
  for (const { topic, partition, offset } of records)
    next.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1n });
  for (const { topic, partition, offset } of rest.toReversed())
    next.set(`${topic}-${partition}`, { topic, partition, offset });
  return [...next.values()];
}
