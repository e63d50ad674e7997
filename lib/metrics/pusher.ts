/**
 * Pushes an environment's totals so that each increment is counted once, whatever is lost on the way.
 * An incarnation is a lease on a grouping key; a push nobody answered is parked and settled before
 * anything else is pushed (docs/design.md, "Incarnations").
 */

import { elapsedMs, type Clock, type Moment } from "./clock.ts";
import type { LabelSet } from "./family.ts";
import { formatPayload } from "./payload.ts";
import { choosePlace } from "./rendezvous.ts";
import type { FormattedFamily, Totals } from "./totals.ts";

/**
 * What is known of a push: it arrived, it certainly did not, or it may have. One that arrived after a
 * reset was sent twice, and the first may yet be applied: nothing else may follow under its key.
 */
export type PushOutcome =
  | { readonly outcome: "acknowledged"; readonly isAfterReset?: boolean }
  | { readonly outcome: "refused"; readonly status?: number; readonly detail: string }
  | { readonly outcome: "unanswered"; readonly detail: string };

/** Where pushes go: a Pushgateway, of which this needs no more. */
export interface PushTarget {
  readonly url: string;
  /** Replaces the whole group. */
  put(key: LabelSet, body: string, options: { timeoutMs: number }): Promise<PushOutcome>;
  /** Replaces the families in the body. */
  post(key: LabelSet, body: string, options: { timeoutMs: number }): Promise<PushOutcome>;
}

/** Times of the lease, in milliseconds. */
export interface Lease {
  /** How long after its last acknowledged push an incarnation may push again. */
  readonly leaseMs: number;
  /** How long past the lease a parked payload may be sent again. */
  readonly resendMs: number;
  /** An incarnation's greatest age, so that no unforeseen fault outlives it. */
  readonly maxAgeMs: number;
}

export const DEFAULT_LEASE: Lease = {
  leaseMs: 20 * 60_000,
  resendMs: 3 * 60_000,
  maxAgeMs: 6 * 3_600_000,
};

/** What happened in a push, for counting and logging. */
export type PushEvent =
  | { readonly type: "pushed"; readonly outcome: PushOutcome; readonly elapsedMs: number }
  | { readonly type: "rejected"; readonly family: string; readonly detail: string }
  | { readonly type: "uncertain"; readonly samples: number };

export interface PusherOptions {
  readonly totals: Totals;
  readonly targets: readonly PushTarget[];
  /** The grouping key without `instance`. */
  readonly key: LabelSet;
  readonly lease: Lease;
  readonly clock: Clock;
  /** A new incarnation's id, never used before by anyone. */
  readonly newInstance: () => string;
  readonly onEvent: (event: PushEvent) => void;
}

export interface PushOptions {
  /** Longest time all requests of this push may take together. */
  readonly timeoutMs: number;
  /** Nothing will be recorded any more: the group may be retired at once. */
  readonly isClosing?: boolean;
}

export interface Pusher {
  /**
   * Pushes all that is pending. One at a time: the caller waits for the last one to end.
   * @returns whether everything arrived but what the Pushgateway rejects (told by an event).
   */
  push(options: PushOptions): Promise<boolean>;
}

/** A push under way. */
interface Push extends PushOptions {
  readonly startedAt: Moment;
}

interface Incarnation {
  readonly key: LabelSet;
  readonly target: PushTarget;
  readonly bornAt: Moment;
  /** Its last acknowledged push, or its first attempt while there is none. */
  leaseFrom: Moment | undefined;
  sequence: number;
  /** Families the Pushgateway would not take; their sums stay pending until it is asked again. */
  readonly rejected: Set<string>;
  rejectedAt: Moment;
  /** Its last push may be applied once more, and must not undo a later one. */
  hasLastWord: boolean;
}

/** The last word of an incarnation, whose fate is not known. */
interface Parked {
  readonly incarnation: Incarnation;
  readonly method: "put" | "post";
  readonly families: readonly FormattedFamily[];
  /** Samples that are counted only if it arrives. */
  readonly samples: number;
}

/** Opens a pusher; nothing is sent before the first `push`. */
export function createPusher(options: PusherOptions): Pusher {
  const { totals, targets, key, lease, clock, newInstance, onEvent } = options;
  let incarnation = begin();
  let parked: Parked | undefined;

  function begin(): Incarnation {
    const instance = newInstance();
    const now = clock();
    return {
      key: { ...key, instance },
      target: choosePlace(targets, instance),
      bornAt: now,
      leaseFrom: undefined,
      sequence: 0,
      rejected: new Set(),
      rejectedAt: now,
      hasLastWord: false,
    };
  }

  function beginAnew(): void {
    incarnation = begin();
    totals.startOver();
  }

  /** A live environment never writes under an id that may be retired. */
  function isOver({ leaseFrom, bornAt, hasLastWord }: Incarnation): boolean {
    const now = clock();
    if (hasLastWord || elapsedMs(bornAt, now) > lease.maxAgeMs) return true;
    return leaseFrom !== undefined && elapsedMs(leaseFrom, now) > lease.leaseMs;
  }

  async function send(
    by: Incarnation,
    method: "put" | "post",
    families: readonly FormattedFamily[],
    { timeoutMs, isClosing = false, startedAt }: Push,
  ): Promise<PushOutcome> {
    const sentAt = clock();
    const leftMs = Math.ceil(timeoutMs - elapsedMs(startedAt, sentAt));
    if (leftMs <= 0) return { outcome: "refused", detail: "not sent: the push had no time left" };
    const { target, key, sequence } = by;
    const body = formatPayload({ families, sequence, isClosing });
    const outcome = await ask(() => target[method](key, body, { timeoutMs: leftMs }));
    if (outcome.outcome === "acknowledged") by.hasLastWord ||= outcome.isAfterReset === true;
    onEvent({ type: "pushed", outcome, elapsedMs: elapsedMs(sentAt, clock()) });
    return outcome;
  }

  function park(method: "put" | "post", families: readonly FormattedFamily[]): void {
    const names = new Set(families.map(({ name }) => name));
    const samples = totals.settle("surrendered", (name) => names.has(name));
    parked = { incarnation, method, families, samples };
    totals.settle("pending");
    beginAnew();
  }

  /** Sends a parked payload again, the very same, until it is answered or its time is over. */
  async function settleParked(push: Push): Promise<boolean> {
    if (parked === undefined) return true;
    const { incarnation, method, families, samples } = parked;
    const since = incarnation.leaseFrom ?? incarnation.bornAt;
    if (elapsedMs(since, clock()) > lease.leaseMs + lease.resendMs) {
      onEvent({ type: "uncertain", samples });
      parked = undefined;
      return true;
    }
    const { outcome } = await send(incarnation, method, families, { ...push, isClosing: true });
    if (outcome === "acknowledged") parked = undefined;
    return parked === undefined;
  }

  /** Whether no family is to blame: broken by anyone's group, a Pushgateway refuses everything. */
  async function refusesEverything(push: Push): Promise<boolean> {
    const { outcome } = await send(incarnation, "post", [], { ...push, isClosing: false });
    return outcome !== "acknowledged";
  }

  /**
   * Finds what a 400 was for: POSTs the payload's halves, so that what is fine arrives and nothing
   * that arrived before is erased. Says whether all but the rejected families arrived.
   */
  async function pushByHalves(families: readonly FormattedFamily[], push: Push): Promise<boolean> {
    const middle = Math.ceil(families.length / 2);
    const isDone = await pushPart(families.slice(0, middle), push);
    return isDone && (families.length < 2 || (await pushPart(families.slice(middle), push)));
  }

  async function pushPart(families: readonly FormattedFamily[], push: Push): Promise<boolean> {
    const outcome = await send(incarnation, "post", families, { ...push, isClosing: false });
    if (outcome.outcome === "acknowledged") {
      const names = new Set(families.map(({ name }) => name));
      totals.settle("acknowledged", (name) => names.has(name));
      return true;
    }
    if (outcome.outcome === "unanswered") park("post", families);
    if (outcome.outcome !== "refused" || outcome.status !== 400) return false;
    if (families.length > 1) return pushByHalves(families, push);
    for (const { name } of families) {
      incarnation.rejected.add(name);
      incarnation.rejectedAt = clock();
      onEvent({ type: "rejected", family: name, detail: outcome.detail });
    }
    return true;
  }

  async function push(options: PushOptions): Promise<boolean> {
    const push = { ...options, startedAt: clock() };
    if (!(await settleParked(push))) return false;
    if (isOver(incarnation)) beginAnew();
    const current = incarnation;
    const startedAt = clock();
    current.leaseFrom ??= startedAt;
    current.sequence += 1;
    // A clash with an older deployment ends when its groups are retired: ask again now and then.
    if (elapsedMs(current.rejectedAt, startedAt) > lease.leaseMs) current.rejected.clear();
    const isTaken = (name: string) => !current.rejected.has(name);
    totals.take(isTaken);
    const families = totals.format().filter(({ name }) => isTaken(name));
    const method = current.rejected.size === 0 ? "put" : "post";
    const outcome = await send(current, method, families, push);
    let isDone = outcome.outcome === "acknowledged";
    if (isDone) totals.settle("acknowledged");
    else if (outcome.outcome === "unanswered") park(method, families);
    else if (outcome.outcome === "refused" && outcome.status === 400) {
      isDone = !(await refusesEverything(push)) && (await pushByHalves(families, push));
    }
    totals.settle("pending");
    if (!isDone) return false;
    current.leaseFrom = startedAt;
    if (push.isClosing === true) beginAnew();
    return true;
  }

  return { push };
}

/** A target's answer; one that throws, or says nothing that is known, may have sent the push. */
async function ask(send: () => Promise<PushOutcome>): Promise<PushOutcome> {
  try {
    const answer = await send();
    if (OUTCOMES.has(answer.outcome)) return answer;
    return { outcome: "unanswered", detail: "the answer is none that is known" };
  } catch (error) {
    return { outcome: "unanswered", detail: error instanceof Error ? error.message : "it threw" };
  }
}

const OUTCOMES: ReadonlySet<unknown> = new Set(["acknowledged", "refused", "unanswered"]);
