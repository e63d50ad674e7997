/**
 * Requests of consumer groups, each in one version.
 * @see https://kafka.apache.org/protocol.html#protocol_messages
 */

import { NONE } from "./error-codes.ts";
import type { Api, BrokerState } from "./requests.ts";
import { array, bytes, int16, int32, int64, string, type Wire, type WireReader } from "./wire.ts";

const NODE_ID = 1;
const NO_THROTTLE = int32(0);

export const GROUP_APIS: readonly Api[] = [
  { name: "OffsetCommit", key: 8, version: 5, answer: commitOffsets },
  { name: "OffsetFetch", key: 9, version: 5, answer: fetchOffsets },
  { name: "FindCoordinator", key: 10, version: 1, answer: findCoordinator },
  { name: "JoinGroup", key: 11, version: 2, answer: join },
  { name: "Heartbeat", key: 12, version: 1, answer: heartbeat },
  { name: "LeaveGroup", key: 13, version: 1, answer: leave },
  { name: "SyncGroup", key: 14, version: 1, answer: sync },
];

function findCoordinator(_request: WireReader, { host, port }: BrokerState): Wire {
  return [NO_THROTTLE, int16(NONE), string(null), int32(NODE_ID), string(host), int32(port)];
}

async function join(request: WireReader, state: BrokerState): Promise<Wire> {
  const group = state.group(request.string());
  const sessionTimeoutMs = request.int32();
  const rebalanceTimeoutMs = request.int32();
  const memberId = request.string();
  request.string();
  const protocols = new Map(request.array(() => [request.string(), request.bytes()]));
  const answer = await group.join({ memberId, sessionTimeoutMs, rebalanceTimeoutMs, protocols });
  return [
    NO_THROTTLE,
    int16(answer.error),
    int32(answer.generation),
    string(answer.protocol),
    string(answer.leader),
    string(answer.memberId),
    array(answer.members, (member) => [string(member.memberId), bytes(member.metadata)]),
  ];
}

async function sync(request: WireReader, state: BrokerState): Promise<Wire> {
  const group = state.group(request.string());
  const membership = readMembership(request);
  const assignments = new Map(request.array(() => [request.string(), request.bytes()]));
  const { error, assignment } = await group.sync(membership, assignments);
  return [NO_THROTTLE, int16(error), bytes(assignment)];
}

function heartbeat(request: WireReader, state: BrokerState): Wire {
  const group = state.group(request.string());
  return [NO_THROTTLE, int16(group.heartbeat(readMembership(request)))];
}

function leave(request: WireReader, state: BrokerState): Wire {
  const group = state.group(request.string());
  return [NO_THROTTLE, int16(group.leave(request.string()))];
}

function commitOffsets(request: WireReader, state: BrokerState): Wire {
  const name = request.string();
  const error = state.group(name).checkCommit(readMembership(request));
  const committed = request.array(() => ({
    topic: request.string(),
    parts: request.array(() => {
      const part = { index: request.int32(), offset: request.int64() };
      request.nullableString();
      return part;
    }),
  }));
  if (error === NONE)
    state.offsets.set(
      committed.flatMap(({ topic, parts }) =>
        parts.map(({ index, offset }) => ({ group: name, topic, partition: index, offset })),
      ),
    );
  return [
    NO_THROTTLE,
    array(committed, ({ topic, parts }) => [
      string(topic),
      array(parts, ({ index }) => [int32(index), int16(error)]),
    ]),
  ];
}

function fetchOffsets(request: WireReader, { offsets }: BrokerState): Wire {
  const group = request.string();
  const wanted = request.array(() => ({
    topic: request.string(),
    indexes: request.array(() => request.int32()),
  }));
  return [
    NO_THROTTLE,
    array(wanted, ({ topic, indexes }) => [
      string(topic),
      array(indexes, (partition) => [
        int32(partition),
        int64(offsets.get({ group, topic, partition })),
        int32(-1),
        string(""),
        int16(NONE),
      ]),
    ]),
    int16(NONE),
  ];
}

function readMembership(request: WireReader) {
  const generation = request.int32();
  return { generation, memberId: request.string() };
}
