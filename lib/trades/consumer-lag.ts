/**
 * How far a consumer group is behind, as the brokers know it: asked from outside, since a consumer
 * that hangs can't say so.
 */

// The package exports all of itself or nothing; a bundle needs no producer and no consumer here.
import { Admin } from "../../node_modules/@platformatic/kafka/dist/clients/admin/index.js";
import { connectionOf, type KafkaOptions } from "./kafka-connection.ts";

export interface LagOptions {
  readonly kafka: KafkaOptions;
  readonly topic: string;
  /** The consumer group. */
  readonly group: string;
}

export interface PartitionLag {
  readonly partition: number;
  /** Records that the group has still to deal with. */
  readonly records: number;
}

const REQUEST_TIMEOUT_MS = 3_000;
const RETRIES = 2;
const RETRY_MS = 200;
/** What stands for the end and the beginning of a partition. */
const LATEST = -1n;
const EARLIEST = -2n;

/**
 * Measures it for every partition. A group that has committed nothing of a partition has all of it
 * before it. Rejects as Kafka's client does, after a few seconds at most.
 */
export async function measureLag({ kafka, topic, group }: LagOptions): Promise<PartitionLag[]> {
  const admin = new Admin({
    ...connectionOf(kafka),
    requestTimeout: REQUEST_TIMEOUT_MS,
    retries: RETRIES,
    retryDelay: RETRY_MS,
  });
  try {
    const { topics } = await admin.metadata({ topics: [topic] });
    const count = topics.get(topic)?.partitionsCount ?? 0;
    const partitions = Array.from({ length: count }, (_, partition) => partition);
    // The group first: what is produced meanwhile then counts, and no lag is below 0.
    const committed = await committedOffsets(admin, { topic, group, partitions });
    const starts = await listOffsets(admin, { topic, partitions, timestamp: EARLIEST });
    const ends = await listOffsets(admin, { topic, partitions, timestamp: LATEST });
    return partitions.map((partition) => {
      const start = starts.get(partition) ?? 0;
      const next = Math.max(start, committed.get(partition) ?? 0);
      return { partition, records: Math.max(0, (ends.get(partition) ?? 0) - next) };
    });
  } finally {
    await admin.close();
  }
}

interface Asked {
  readonly topic: string;
  readonly partitions: readonly number[];
}

async function listOffsets(
  admin: Admin,
  { topic, partitions, timestamp }: Asked & { readonly timestamp: bigint },
): Promise<Map<number, number>> {
  const asked = partitions.map((partitionIndex) => ({ partitionIndex, timestamp }));
  const [listed] = await admin.listOffsets({ topics: [{ name: topic, partitions: asked }] });
  return new Map(
    listed?.partitions.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]),
  );
}

async function committedOffsets(
  admin: Admin,
  { topic, group, partitions }: Asked & { readonly group: string },
): Promise<Map<number, number>> {
  const [listed] = await admin.listConsumerGroupOffsets({
    groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [...partitions] }] }],
  });
  return new Map(
    listed?.topics[0]?.partitions.map(({ partitionIndex, committedOffset }) => [
      partitionIndex,
      Number(committedOffset),
    ]),
  );
}
