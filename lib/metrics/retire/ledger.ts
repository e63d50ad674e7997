/**
 * The ledger: what outlives environments. Its *base* holds the totals of every group that was folded
 * and deleted; its *floor* the last page served, below which none is ever served again.
 */

import type { Group, MetricFamily } from "../family.ts";
import type { StoredFamily } from "../tally.ts";

/** What the base knows of one Pushgateway. All times are that Pushgateway's own, in seconds. */
export interface PushgatewayState {
  readonly url: string;
  /** Every group of ours last pushed at or before it has been folded. */
  readonly horizonSeconds: number;
  /** How far its clock was ahead of ours. */
  readonly offsetSeconds: number;
  /** Its clock was set: nothing is folded for being silent before this time. */
  readonly heldUntilSeconds: number;
  /** Since when no configuration names it and no run saw a group of ours there. */
  readonly vacantSinceSeconds?: number | undefined;
  /** Since when it is off the list, and read no more. Forgotten a day later, unless it comes back. */
  readonly leftAtSeconds?: number | undefined;
  /** Instances folded whose deletion may not be done yet, with their last push. */
  readonly tombstones: Readonly<Record<string, number>>;
}

export interface Base {
  /** Counts the writes; 0 when there has been none. */
  readonly version: number;
  readonly totals: readonly StoredFamily[];
  readonly pushgateways: readonly PushgatewayState[];
}

export interface Floor {
  /** Counts the writes; 0 when there has been none. */
  readonly version: number;
  /** Counters and histograms as they were served. */
  readonly families: readonly MetricFamily[];
}

/** Where base and floor are kept. Reads are strongly consistent; all fail with `READ_FAILED`. */
export interface Ledger {
  readBase(call?: LedgerCall): Promise<Base>;
  /** Replaces the base of version `base.version - 1`. @returns false when that is not the one there. */
  writeBase(base: Base, call?: LedgerCall): Promise<boolean>;
  readFloor(call?: LedgerCall): Promise<Floor>;
  /** Replaces the floor of version `floor.version - 1`. @returns false when that is not the one there. */
  writeFloor(floor: Floor, call?: LedgerCall): Promise<boolean>;
}

export interface LedgerCall {
  /** Gives up; what was being written may be written all the same. */
  readonly signal?: AbortSignal;
}

/** The times of the protocol, in seconds; `refuseWindows` says what must hold between them. */
export interface Windows {
  /** W: silent for longer, a group is folded. */
  readonly retireAfterSeconds: number;
  /** L: an incarnation's lease. */
  readonly leaseSeconds: number;
  /** S: how long past the lease a parked payload may be sent again. */
  readonly resendSeconds: number;
  /** The Pushgateway's `--persistence.interval`. */
  readonly persistenceSeconds: number;
  /** How late a push may be applied after it was sent. */
  readonly marginSeconds: number;
}

export const DEFAULT_WINDOWS: Windows = {
  retireAfterSeconds: 30 * 60,
  leaseSeconds: 20 * 60,
  resendSeconds: 3 * 60,
  persistenceSeconds: 5 * 60,
  marginSeconds: 90,
};

/** The clock's resolution (`Date` has whole seconds) must be small beside the window. */
const LEAST_RETIRE_AFTER_SECONDS = 10;

/** What is expected of the times instead, if anything: a live environment must never be folded. */
export function refuseWindows(windows: Windows): string | undefined {
  const { retireAfterSeconds, leaseSeconds, resendSeconds } = windows;
  const { persistenceSeconds, marginSeconds } = windows;
  const least = leaseSeconds + resendSeconds + persistenceSeconds + marginSeconds;
  if (retireAfterSeconds > least && retireAfterSeconds >= LEAST_RETIRE_AFTER_SECONDS)
    return undefined;
  return `at least ${LEAST_RETIRE_AFTER_SECONDS} s and more than ${least} s (lease + resend + persistence + margin), not ${retireAfterSeconds} s`;
}

/** When a group was last pushed; one whose pushes were all refused, when that was. */
export function lastPushSeconds({ pushedAtSeconds, refusedAtSeconds }: Group): number {
  return pushedAtSeconds > 0 ? pushedAtSeconds : refusedAtSeconds;
}

/**
 * Whether a group counts. If not it is a ghost: folded already and not yet deleted, or brought back
 * by a backup, or pushed too late. A tombstone counts under every URL of its Pushgateway.
 */
export function isLive(group: Group, state: PushgatewayState | undefined, base: Base): boolean {
  const instance = group.key["instance"] ?? "";
  if (base.pushgateways.some(({ tombstones }) => Object.hasOwn(tombstones, instance))) return false;
  return lastPushSeconds(group) > (state?.horizonSeconds ?? -Infinity);
}

/** The Pushgateways to read: those of the configuration, and those that only the base still lists. */
export function listedUrls(base: Base, configured: readonly string[]): string[] {
  const listed = base.pushgateways.filter(({ leftAtSeconds }) => leftAtSeconds === undefined);
  return [...new Set([...configured, ...listed.map(({ url }) => url)])];
}

/**
 * The Pushgateways to read in the order to read them in. Where one has two URLs,
 * its groups are taken as they stand under the one whose horizon is further.
 */
export function furthestFirst(base: Base, configured: readonly string[]): string[] {
  const horizonOf = (url: string) => stateOf(base, url)?.horizonSeconds ?? 0;
  return listedUrls(base, configured).sort((a, b) => horizonOf(b) - horizonOf(a));
}

/** The newest horizon that a snapshot taken at this time allows: every silent group is behind it. */
export function horizonAt(takenAtSeconds: number, { retireAfterSeconds }: Windows): number {
  return takenAtSeconds - retireAfterSeconds - CLOCK_RESOLUTION_SECONDS;
}

const CLOCK_RESOLUTION_SECONDS = 1;

/** The state of a Pushgateway in a base, if it has one. */
export function stateOf(base: Base, url: string): PushgatewayState | undefined {
  return base.pushgateways.find((state) => state.url === url);
}
