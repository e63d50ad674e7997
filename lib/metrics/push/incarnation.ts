/**
 * Incarnations: each is a lease on a grouping key, under which one process pushes to one Pushgateway
 * (docs/design.md, "Incarnations").
 */

import { elapsedMs, type Clock, type Moment } from "./clock.ts";
import type { LabelSet } from "../family.ts";
import type { PushTarget } from "./push-target.ts";
import { choosePlace } from "./rendezvous.ts";

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

export interface Incarnation {
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

export interface BirthOptions {
  readonly targets: readonly PushTarget[];
  /** The grouping key without `instance`. */
  readonly key: LabelSet;
  /** Never used before by anyone. */
  readonly instance: string;
  readonly clock: Clock;
}

/** A new incarnation; it stays with one of the targets for ever. */
export function beginIncarnation({ targets, key, instance, clock }: BirthOptions): Incarnation {
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

/** Whether nothing new may be pushed: a live environment never writes under an id that may be retired. */
export function isOver(incarnation: Incarnation, lease: Lease, now: Moment): boolean {
  const { leaseFrom, bornAt, hasLastWord } = incarnation;
  if (hasLastWord || elapsedMs(bornAt, now) > lease.maxAgeMs) return true;
  return leaseFrom !== undefined && elapsedMs(leaseFrom, now) > lease.leaseMs;
}

/** Whether what was pushed and not answered may not be sent again either. */
export function isPastResend(
  { leaseFrom, bornAt }: Incarnation,
  lease: Lease,
  now: Moment,
): boolean {
  return elapsedMs(leaseFrom ?? bornAt, now) > lease.leaseMs + lease.resendMs;
}
