/**
 * Pushes an environment's totals so that each increment is counted once, whatever is lost on the way:
 * under one incarnation at a time, and never while the fate of an earlier push is open.
 */

import { elapsedMs, type Clock } from "./clock.ts";
import { createDoubts, type SendWords } from "./doubts.ts";
import type { LabelSet } from "../family.ts";
import { postByHalves } from "./halves.ts";
import { beginIncarnation, isOver, type Incarnation, type Lease } from "./incarnation.ts";
import { formatPayload } from "./payload.ts";
import { isRejection, type PushMethod, type PushOutcome, type PushTarget } from "./push-target.ts";
import type { FormattedFamily, Totals } from "./totals.ts";

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
  /**
   * Nothing will be recorded any more: the group may be retired at once, and what is in doubt is sent
   * beside the rest, not before it.
   */
  readonly isClosing?: boolean;
}

/** A push that ends its incarnation. */
export interface LastPush {
  readonly target: PushTarget;
  readonly method: PushMethod;
  readonly key: LabelSet;
  readonly body: string;
}

export interface Pusher {
  /**
   * Pushes all that is pending. A push that begins while another is under way takes over: what that
   * one has sent is parked, and it ends without having arrived, whatever is answered.
   * @returns whether everything arrived but what the Pushgateway rejects (told by an event).
   */
  push(options: PushOptions): Promise<boolean>;
  /**
   * What is left to say when the process ends and can wait for nothing, not for a push under way
   * either, which it takes over. To be sent at once, in any order; nothing may be pushed afterwards.
   * @returns what is parked, and the rest; none when everything was acknowledged.
   */
  lastPushes(): LastPush[];
}

/** What is said under an incarnation. */
interface Words {
  readonly by: Incarnation;
  readonly method: PushMethod;
  readonly families: readonly FormattedFamily[];
  readonly isClosing: boolean;
}

/** A push under way. */
interface Run {
  readonly send: SendWords;
  /** Ends it where another push took over: what it was told says nothing of what is in flight now. */
  readonly check: () => void;
}

/** Opens a pusher; nothing is sent before the first `push`. */
export function createPusher(options: PusherOptions): Pusher {
  const { totals, lease, clock, onEvent } = options;
  let incarnation = begin();
  /** What was sent last, until nothing more hangs on its outcome: not even a promise's turn. */
  let underWay: Omit<Words, "isClosing" | "by"> | undefined;
  /** Counts those who pushed: who is not the last one has been taken over from. */
  let runs = 0;
  const doubts = createDoubts({
    lease,
    clock,
    onUncertain: (samples) => onEvent({ type: "uncertain", samples }),
    onRejected: reject,
  });

  function begin(): Incarnation {
    return beginIncarnation({ ...options, instance: options.newInstance() });
  }

  function beginAnew(): void {
    incarnation = begin();
    totals.startOver();
  }

  /** Begins a push, whose requests share one time limit. */
  function beginRun({ timeoutMs }: PushOptions): Run {
    const startedAt = clock();
    const run = takeOver();
    const check = () => {
      if (run !== runs) throw TAKEN_OVER;
    };
    const send: SendWords = async (by, method, families, isClosing) => {
      check();
      const { target, key, sequence } = by;
      const sentAt = clock();
      const leftMs = Math.ceil(timeoutMs - elapsedMs(startedAt, sentAt));
      if (leftMs <= 0) return { outcome: "refused", detail: "not sent: the push had no time left" };
      const body = formatPayload({ families, sequence, isClosing });
      if (by === incarnation) underWay = { method, families };
      const outcome = await ask(() => target[method](key, body, { timeoutMs: leftMs }));
      check();
      if (outcome.outcome === "acknowledged") by.hasLastWord ||= outcome.isAfterReset === true;
      onEvent({ type: "pushed", outcome, elapsedMs: elapsedMs(sentAt, clock()) });
      return outcome;
    };
    return { send, check };
  }

  /** What is on its way may arrive late, so nothing greater may be said under its id. */
  function takeOver(): number {
    if (underWay !== undefined) park(underWay.method, underWay.families);
    totals.settle("pending");
    return (runs += 1);
  }

  /** Fixes a payload as the last word of the current incarnation. */
  function park(method: PushMethod, families: readonly FormattedFamily[]): void {
    const doubtful = families.map((family) => ({
      ...family,
      inDoubt: totals.settle("surrendered", (name) => name === family.name),
    }));
    doubts.park({ by: incarnation, method, families: doubtful });
    totals.settle("pending");
    underWay = undefined;
    beginAnew();
  }

  function arrived(families: readonly FormattedFamily[]): void {
    const names = new Set(families.map(({ name }) => name));
    totals.settle("acknowledged", (name) => names.has(name));
  }

  function reject({ name }: FormattedFamily, detail: string): void {
    incarnation.rejected.add(name);
    incarnation.rejectedAt = clock();
    onEvent({ type: "rejected", family: name, detail });
  }

  /** Takes all but the rejected families in flight. Without one it is a POST: a PUT would erase it. */
  function takeBut(rejected: ReadonlySet<string>) {
    const isTaken = (name: string) => !rejected.has(name);
    const taken = totals.take(isTaken);
    const families = totals.format().filter(({ name }) => isTaken(name));
    return { method: rejected.size === 0 ? "put" : "post", families, taken } as const;
  }

  /** Sends what was taken. @returns whether all arrived but the families that are rejected. */
  async function sendTaken(
    { method, families }: { method: PushMethod; families: readonly FormattedFamily[] },
    { send, check }: Run,
    isClosing: boolean,
  ): Promise<boolean> {
    const current = incarnation;
    const settle = (
      outcome: PushOutcome["outcome"],
      part: readonly FormattedFamily[],
      by = method,
    ) => {
      check();
      if (outcome === "acknowledged") arrived(part);
      if (outcome === "unanswered") park(by, part);
    };
    const outcome = await send(current, method, families, isClosing);
    settle(outcome.outcome, families);
    if (!isRejection(outcome)) return outcome.outcome === "acknowledged";
    return postByHalves(families, (part) => send(current, "post", part, false), {
      arrived: (part) => settle("acknowledged", part),
      rejected(family, detail) {
        check();
        reject(family, detail);
      },
      unanswered: (part) => settle("unanswered", part, "post"),
    });
  }

  async function push(options: PushOptions): Promise<boolean> {
    const { isClosing = false } = options;
    const run = beginRun(options);
    try {
      if (!isClosing) return (await doubts.settle(run.send)) && (await pushRest(run, false));
      const ends = [doubts.settle(run.send), pushRest(run, true)];
      return (await Promise.all(ends)).every(Boolean);
    } catch (error) {
      if (error === TAKEN_OVER) return false;
      throw error;
    }
  }

  /** Pushes what is not parked. */
  async function pushRest(run: Run, isClosing: boolean): Promise<boolean> {
    run.check();
    const startedAt = clock();
    if (isOver(incarnation, lease, startedAt)) beginAnew();
    const current = incarnation;
    current.leaseFrom ??= startedAt;
    current.sequence += 1;
    // A clash with an older deployment ends when its groups are retired: ask again now and then.
    if (elapsedMs(current.rejectedAt, startedAt) > lease.leaseMs) current.rejected.clear();
    const isDone = await sendTaken(takeBut(current.rejected), run, isClosing);
    run.check();
    totals.settle("pending");
    underWay = undefined;
    if (!isDone) return false;
    current.leaseFrom = startedAt;
    if (isClosing) beginAnew();
    await doubts.settleRejected(run.send, isClosing);
    return true;
  }

  function lastPushes(): LastPush[] {
    const { rejected } = incarnation;
    takeOver();
    if (isOver(incarnation, lease, clock())) beginAnew();
    incarnation.sequence += 1;
    const { method, families, taken } = takeBut(rejected);
    const rest: Words = { by: incarnation, method, families, isClosing: true };
    return [...doubts.parked(), ...(taken > 0 ? [rest] : [])].map(toLastPush);
  }

  return { push, lastPushes };
}

function toLastPush({ by, method, families, isClosing }: Words): LastPush {
  const { target, key, sequence } = by;
  return { target, method, key, body: formatPayload({ families, sequence, isClosing }) };
}

/** Ends a push that was taken over from, wherever it waits for an answer. */
const TAKEN_OVER = new Error("another push took over");

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
