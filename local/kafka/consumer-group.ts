/**
 * A consumer group: who is in it, and who reads what. Members join, the first of them gives each its
 * part, and all begin again when one comes or goes.
 * @see https://kafka.apache.org/protocol.html#The_Messages_JoinGroup
 */

import { randomUUID } from "node:crypto";
import {
  ILLEGAL_GENERATION,
  INCONSISTENT_GROUP_PROTOCOL,
  NONE,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} from "./error-codes.ts";

export interface ConsumerGroup {
  /** Answers when everyone has joined, or the rebalance's time is over. */
  join(request: JoinRequest): Promise<JoinAnswer>;
  /** Answers when the leader has handed in who reads what. */
  sync(member: Membership, assignments: ReadonlyMap<string, Buffer>): Promise<SyncAnswer>;
  /** Answers an error code; so do the others. */
  heartbeat(member: Membership): number;
  leave(memberId: string): number;
  /** Whether this member may commit offsets; one without a group may while there are no members. */
  checkCommit(member: Membership): number;
  /** Ends every wait. */
  close(): void;
}

export interface Membership {
  readonly memberId: string;
  readonly generation: number;
}

export interface JoinRequest {
  /** Empty for a new one. */
  readonly memberId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Ways of giving out parts, the preferred first, each with what the member says about itself. */
  readonly protocols: ReadonlyMap<string, Buffer>;
}

export interface JoinAnswer extends Membership {
  readonly error: number;
  readonly protocol: string;
  readonly leader: string;
  /** Only the leader hears of them. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
}

export interface SyncAnswer {
  readonly error: number;
  readonly assignment: Buffer;
}

interface Member extends JoinRequest {
  joined: ((answer: JoinAnswer) => void) | undefined;
  synced: ((answer: SyncAnswer) => void) | undefined;
  session: NodeJS.Timeout | undefined;
}

const MAX_REBALANCE_MS = 60_000;
const NOTHING = Buffer.alloc(0);

export function createConsumerGroup(): ConsumerGroup {
  const members = new Map<string, Member>();
  let state: "empty" | "joining" | "syncing" | "stable" = "empty";
  let [generation, protocol, leader] = [0, "", ""];
  let assigned: ReadonlyMap<string, Buffer> = new Map();
  let rebalance: NodeJS.Timeout | undefined;

  const checkMember = ({ memberId, generation: known }: Membership): number => {
    if (!members.has(memberId)) return UNKNOWN_MEMBER_ID;
    return known === generation ? NONE : ILLEGAL_GENERATION;
  };
  const keepAlive = (memberId: string) => {
    const member = members.get(memberId);
    if (member === undefined) return;
    clearTimeout(member.session);
    member.session = setTimeout(() => remove(memberId), member.sessionTimeoutMs);
  };
  const remove = (memberId: string) => {
    clearTimeout(members.get(memberId)?.session);
    members.delete(memberId);
    if (members.size === 0) {
      clearTimeout(rebalance);
      state = "empty";
    } else if (state === "joining") completeJoin(false);
    else beginJoin();
  };
  const beginJoin = () => {
    state = "joining";
    for (const member of members.values()) {
      member.synced?.({ error: REBALANCE_IN_PROGRESS, assignment: NOTHING });
      member.synced = undefined;
    }
    const timeouts = [...members.values()].map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs);
    clearTimeout(rebalance);
    const timeoutMs = Math.min(MAX_REBALANCE_MS, Math.max(0, ...timeouts));
    rebalance = setTimeout(() => completeJoin(true), timeoutMs);
  };
  /** Once all have joined; those who have not when the time is over are out. */
  const completeJoin = (isOver: boolean) => {
    const missing = [...members].filter(([, member]) => member.joined === undefined);
    if (missing.length > 0 && !isOver) return;
    clearTimeout(rebalance);
    for (const [memberId, member] of missing) {
      clearTimeout(member.session);
      members.delete(memberId);
    }
    if (members.size === 0) {
      state = "empty";
      return;
    }
    generation += 1;
    state = "syncing";
    assigned = new Map();
    if (!members.has(leader)) [leader = ""] = members.keys();
    protocol = commonProtocol([...members.values()]) ?? "";
    for (const [memberId, member] of members) {
      keepAlive(memberId);
      member.joined?.(answerOf(memberId));
      member.joined = undefined;
    }
  };
  const answerOf = (memberId: string): JoinAnswer => {
    const all = [...members].map(([id, { protocols }]) => ({
      memberId: id,
      metadata: protocols.get(protocol) ?? NOTHING,
    }));
    return {
      error: NONE,
      generation,
      protocol,
      leader,
      memberId,
      members: memberId === leader ? all : [],
    };
  };

  return {
    join: async (request) => {
      const { memberId: given } = request;
      if (given !== "" && !members.has(given)) return noMember(given, UNKNOWN_MEMBER_ID);
      const others = [...members].filter(([id]) => id !== given).map(([, member]) => member);
      if (commonProtocol([...others, request]) === undefined)
        return noMember(given, INCONSISTENT_GROUP_PROTOCOL);
      const memberId = given === "" ? randomUUID() : given;
      const former = members.get(memberId);
      clearTimeout(former?.session);
      const { promise, resolve } = Promise.withResolvers<JoinAnswer>();
      members.set(memberId, { ...request, joined: resolve, synced: undefined, session: undefined });
      former?.joined?.(noMember(memberId, REBALANCE_IN_PROGRESS));
      if (state !== "joining") beginJoin();
      completeJoin(false);
      return promise;
    },
    sync: async (membership, assignments) => {
      const error = checkMember(membership);
      const member = members.get(membership.memberId);
      if (error !== NONE || member === undefined) return { error, assignment: NOTHING };
      if (state === "joining") return { error: REBALANCE_IN_PROGRESS, assignment: NOTHING };
      keepAlive(membership.memberId);
      if (state === "syncing" && membership.memberId === leader) {
        assigned = assignments;
        state = "stable";
        for (const [id, waiting] of members) {
          waiting.synced?.({ error: NONE, assignment: assigned.get(id) ?? NOTHING });
          waiting.synced = undefined;
        }
      }
      if (state === "stable")
        return { error: NONE, assignment: assigned.get(membership.memberId) ?? NOTHING };
      const { promise, resolve } = Promise.withResolvers<SyncAnswer>();
      member.synced = resolve;
      return promise;
    },
    heartbeat: (membership) => {
      const error = checkMember(membership);
      if (error !== NONE) return error;
      keepAlive(membership.memberId);
      return state === "joining" ? REBALANCE_IN_PROGRESS : NONE;
    },
    leave: (memberId) => {
      if (!members.has(memberId)) return UNKNOWN_MEMBER_ID;
      remove(memberId);
      return NONE;
    },
    checkCommit: (membership) => {
      if (membership.generation < 0) return members.size === 0 ? NONE : UNKNOWN_MEMBER_ID;
      return checkMember(membership);
    },
    close: () => {
      clearTimeout(rebalance);
      for (const [memberId, member] of members) {
        clearTimeout(member.session);
        member.joined?.(noMember(memberId, UNKNOWN_MEMBER_ID));
        member.synced?.({ error: UNKNOWN_MEMBER_ID, assignment: NOTHING });
      }
      members.clear();
    },
  };
}

function noMember(memberId: string, error: number): JoinAnswer {
  return { error, memberId, generation: -1, protocol: "", leader: "", members: [] };
}

/** The first member's most preferred that everyone knows. */
function commonProtocol(members: readonly Pick<JoinRequest, "protocols">[]): string | undefined {
  const [first] = members;
  return [...(first?.protocols.keys() ?? [])].find((name) =>
    members.every(({ protocols }) => protocols.has(name)),
  );
}
