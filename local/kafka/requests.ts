/**
 * From the bytes of a request to the bytes of its answer.
 * @see https://kafka.apache.org/protocol.html#protocol_messages
 */

import type { CommittedOffsets } from "./committed-offsets.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { NONE, UNSUPPORTED_VERSION } from "./error-codes.ts";
import { GROUP_APIS } from "./group-requests.ts";
import { TOPIC_APIS } from "./topic-requests.ts";
import type { Topics } from "./topics.ts";
import { array, int16, int32, readWire, toBytes, type Wire, type WireReader } from "./wire.ts";

/** What requests are about. */
export interface BrokerState {
  /** Where clients reach it. */
  readonly host: string;
  readonly port: number;
  readonly topics: Topics;
  readonly offsets: CommittedOffsets;
  /** The group of this name, made when there is none. */
  group(name: string): ConsumerGroup;
  nextProducerId(): bigint;
  /** Whatever waits, waits no more. */
  isClosing(): boolean;
}

/** A kind of request. */
export interface Api {
  readonly name: string;
  readonly key: number;
  /** The only one there is. */
  readonly version: number;
  /** Undefined where the client wants no answer. */
  readonly answer: (
    request: WireReader,
    state: BrokerState,
  ) => Wire | undefined | Promise<Wire | undefined>;
}

const API_VERSIONS = { key: 18, min: 0, max: 1 };
const APIS: readonly Api[] = [...TOPIC_APIS, ...GROUP_APIS];
const BY_KEY = new Map(APIS.map((api) => [api.key, api]));

/**
 * Answers a request, both without their length in front.
 * @throws {RangeError} when it is torn, or is none that a client of ours may send.
 */
export async function answerRequest(
  bytes: Buffer,
  state: BrokerState,
): Promise<Buffer | undefined> {
  const request = readWire(bytes);
  const [key, version, correlationId] = [request.int16(), request.int16(), request.int32()];
  request.nullableString();
  if (key === API_VERSIONS.key) return toBytes([int32(correlationId), listApis(version)]);
  const api = BY_KEY.get(key);
  if (api?.version !== version)
    throw new RangeError(`request ${key} version ${version}, which was not offered`);
  const answer = await api.answer(request, state);
  return answer === undefined ? undefined : toBytes([int32(correlationId), answer]);
}

/** Clients that ask in a newer version are told so in the oldest, and ask again. */
function listApis(version: number): Wire {
  const { key, min, max } = API_VERSIONS;
  const error = version > max ? UNSUPPORTED_VERSION : NONE;
  const all = [...APIS.map((api) => [api.key, api.version, api.version]), [key, min, max]];
  return [
    int16(error),
    array(all, (numbers) => numbers.map((number) => int16(number))),
    // The time it has been throttled for is in the second version.
    ...(version === max ? [int32(0)] : []),
  ];
}
