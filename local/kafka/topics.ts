/**
 * The topics there are, each with its partitions, and a note of them on disk.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  INVALID_PARTITIONS,
  INVALID_TOPIC_EXCEPTION,
  NONE,
  TOPIC_ALREADY_EXISTS,
} from "./error-codes.ts";
import { openPartitionLog, type PartitionLog } from "./partition-log.ts";

export interface Topics {
  names(): readonly string[];
  /** The partitions of a topic; none when there is no such topic. */
  partitions(name: string): readonly PartitionLog[];
  partition(name: string, index: number): PartitionLog | undefined;
  /** Makes a topic, and answers an error code. */
  create(topic: TopicDefinition): number;
  /** Resolves with the next record appended anywhere, or after so long. */
  appended(timeoutMs: number): Promise<void>;
  close(): void;
}

export interface TopicDefinition {
  readonly name: string;
  readonly partitions: number;
  /** Most bytes of one batch. Default: Kafka's, 1 MiB and 12. */
  readonly maxBatchBytes?: number;
}

const MAX_PARTITIONS = 100;
const MAX_BATCH_BYTES = 1_048_588;
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/** Opens the topics of a folder, which exists. */
export function openTopics(folder: string): Topics {
  const notePath = join(folder, "topics.json");
  const topics = new Map<string, PartitionLog[]>();
  const waiting = new Set<() => void>();
  const onAppend = () => {
    for (const wake of waiting) wake();
  };
  const open = ({ name, partitions, maxBatchBytes = MAX_BATCH_BYTES }: TopicDefinition) => {
    const logs = Array.from({ length: partitions }, (_, index) =>
      openPartitionLog({ path: join(folder, `${name}-${index}.log`), maxBatchBytes, onAppend }),
    );
    topics.set(name, logs);
  };
  const known = readNote(notePath);
  for (const topic of known) open(topic);

  return {
    names: () => [...topics.keys()],
    partitions: (name) => topics.get(name) ?? [],
    partition: (name, index) => topics.get(name)?.[index],
    create: (topic) => {
      if (!NAME.test(topic.name)) return INVALID_TOPIC_EXCEPTION;
      if (topics.has(topic.name)) return TOPIC_ALREADY_EXISTS;
      if (topic.partitions < 1 || topic.partitions > MAX_PARTITIONS) return INVALID_PARTITIONS;
      known.push(topic);
      writeNote(notePath, known);
      open(topic);
      return NONE;
    },
    appended: (timeoutMs) =>
      new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, timeoutMs);
        waiting.add(wake);
      }),
    close: () => {
      onAppend();
      for (const log of [...topics.values()].flat()) log.close();
    },
  };
}

function readNote(path: string): TopicDefinition[] {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as TopicDefinition[]) : [];
}

/** In one step, so that a crash leaves the former note or the new one. */
function writeNote(path: string, topics: readonly TopicDefinition[]): void {
  writeFileSync(`${path}.new`, JSON.stringify(topics));
  renameSync(`${path}.new`, path);
}
