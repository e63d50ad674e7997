/**
 * Requests about topics and their records, each in one version: the simplest that clients still know.
 * @see https://kafka.apache.org/protocol.html#protocol_messages
 */

import { NONE, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION } from "./error-codes.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { Api, BrokerState } from "./requests.ts";
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  int64,
  string,
  type Wire,
  type WireReader,
} from "./wire.ts";

const NODE_ID = 1;
const NO_THROTTLE = int32(0);
const LATEST = -1;
const EARLIEST = -2;
const MAX_WAIT_MS = 30_000;
/** After which a client waits no more for what is not there. */
const NO_ACKS = 0;

export const TOPIC_APIS: readonly Api[] = [
  { name: "Produce", key: 0, version: 3, answer: produce },
  { name: "Fetch", key: 1, version: 4, answer: fetch },
  { name: "ListOffsets", key: 2, version: 1, answer: listOffsets },
  { name: "Metadata", key: 3, version: 4, answer: metadata },
  { name: "CreateTopics", key: 19, version: 2, answer: createTopics },
  { name: "InitProducerId", key: 22, version: 1, answer: initProducerId },
];

function produce(request: WireReader, { topics }: BrokerState): Wire | undefined {
  request.nullableString();
  const acks = request.int16();
  request.int32();
  const results = ofPartitions(request, (topic) => {
    const index = request.int32();
    const batches = request.bytes();
    const log = topics.partition(topic, index);
    return {
      index,
      ...(log?.append(batches) ?? { error: UNKNOWN_TOPIC_OR_PARTITION, baseOffset: -1 }),
    };
  });
  if (acks === NO_ACKS) return undefined;
  return [
    perTopic(results, ({ index, error, baseOffset }) => [
      int32(index),
      int16(error),
      int64(baseOffset),
      int64(-1),
    ]),
    NO_THROTTLE,
  ];
}

async function fetch(request: WireReader, state: BrokerState): Promise<Wire> {
  request.int32();
  const deadlineMs = performance.now() + Math.min(MAX_WAIT_MS, Math.max(0, request.int32()));
  const minBytes = request.int32();
  const maxBytes = request.int32();
  request.int8();
  const wanted = ofPartitions(request, () => ({
    index: request.int32(),
    offset: request.int64(),
    maxBytes: request.int32(),
  }));
  for (;;) {
    const found = readAll(wanted, state, maxBytes);
    const isFailed = found.some(({ parts }) => parts.some(({ error }) => error !== NONE));
    const size = found
      .flatMap(({ parts }) => parts)
      .reduce((sum, one) => sum + one.records.length, 0);
    const leftMs = deadlineMs - performance.now();
    if (isFailed || size >= minBytes || leftMs <= 0 || state.isClosing())
      return [
        NO_THROTTLE,
        perTopic(found, ({ index, error, end, records }) => [
          int32(index),
          int16(error),
          int64(end),
          int64(end),
          int32(-1),
          bytes(records),
        ]),
      ];
    await state.topics.appended(leftMs);
  }
}

interface Wanted {
  readonly index: number;
  readonly offset: number;
  readonly maxBytes: number;
}

function readAll(wanted: readonly PerTopic<Wanted>[], { topics }: BrokerState, maxBytes: number) {
  let left = maxBytes;
  const empty = Buffer.alloc(0);
  return wanted.map(({ topic, parts }) => ({
    topic,
    parts: parts.map(({ index, offset, maxBytes: ofPartition }) => {
      const log = topics.partition(topic, index);
      if (log === undefined)
        return { index, error: UNKNOWN_TOPIC_OR_PARTITION, end: -1, records: empty };
      const end = log.endOffset();
      if (offset < 0 || offset > end)
        return { index, error: OFFSET_OUT_OF_RANGE, end, records: empty };
      const records = left > 0 ? log.read(offset, Math.min(left, ofPartition)) : empty;
      left -= records.length;
      return { index, error: NONE, end, records };
    }),
  }));
}

function listOffsets(request: WireReader, { topics }: BrokerState): Wire {
  request.int32();
  const results = ofPartitions(request, (topic) => {
    const index = request.int32();
    const timestamp = request.int64();
    const log = topics.partition(topic, index);
    if (log === undefined) return { index, error: UNKNOWN_TOPIC_OR_PARTITION, offset: -1 };
    return { index, error: NONE, offset: offsetFor(log, timestamp) };
  });
  return perTopic(results, ({ index, error, offset }) => [
    int32(index),
    int16(error),
    int64(-1),
    int64(offset),
  ]);
}

function offsetFor(log: PartitionLog, timestamp: number): number {
  if (timestamp === EARLIEST) return 0;
  return timestamp === LATEST ? log.endOffset() : log.offsetAt(timestamp);
}

function metadata(request: WireReader, { topics, host, port }: BrokerState): Wire {
  // Null, which is read as none, asks for all; an empty list asks for none, and gets all, too.
  const wanted = request.array(() => request.string());
  const names = wanted.length === 0 ? topics.names() : wanted;
  return [
    NO_THROTTLE,
    array([NODE_ID], (id) => [int32(id), string(host), int32(port), string(null)]),
    string("k2-trades-local"),
    int32(NODE_ID),
    array(names, (name) => {
      const partitions = topics.partitions(name).map((_, index) => index);
      const error = partitions.length === 0 ? UNKNOWN_TOPIC_OR_PARTITION : NONE;
      return [
        int16(error),
        string(name),
        boolean(false),
        array(partitions, (index) => [
          int16(NONE),
          int32(index),
          int32(NODE_ID),
          array([NODE_ID], int32),
          array([NODE_ID], int32),
        ]),
      ];
    }),
  ];
}

function createTopics(request: WireReader, { topics }: BrokerState): Wire {
  const results = request.array(() => {
    const name = request.string();
    const partitions = request.int32();
    request.int16();
    request.array(() => [request.int32(), request.array(() => request.int32())]);
    const configs = new Map(request.array(() => [request.string(), request.nullableString()]));
    const maxBatchBytes = configs.get("max.message.bytes");
    const limits = maxBatchBytes ? { maxBatchBytes: Number(maxBatchBytes) } : {};
    return { name, error: topics.create({ name, partitions, ...limits }) };
  });
  return [
    NO_THROTTLE,
    array(results, ({ name, error }) => [string(name), int16(error), string(null)]),
  ];
}

/** No two producers get the same, not even over a restart. */
function initProducerId(_request: WireReader, state: BrokerState): Wire {
  return [NO_THROTTLE, int16(NONE), int64(state.nextProducerId()), int16(0)];
}

interface PerTopic<T> {
  readonly topic: string;
  readonly parts: readonly T[];
}

function ofPartitions<T>(request: WireReader, read: (topic: string) => T): PerTopic<T>[] {
  return request.array(() => {
    const topic = request.string();
    return { topic, parts: request.array(() => read(topic)) };
  });
}

function perTopic<T>(topics: readonly PerTopic<T>[], write: (part: T) => Wire): Wire {
  return array(topics, ({ topic, parts }) => [string(topic), array(parts, write)]);
}
