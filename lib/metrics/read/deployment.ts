/**
 * Which groups are those of one deployment, on a Pushgateway that it may share with anyone.
 */

import type { Group } from "../family.ts";

/** One stage of one service: it has groups, a ledger and a page of its own. */
export interface Deployment {
  /** The `job` of its groups. */
  readonly service: string;
  /** Their `environment`. */
  readonly stage: string;
}

/** The id of an incarnation. */
const INSTANCE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** What an environment pushes under; a key with one label more or less is somebody else's. */
const LABELS = ["job", "component", "environment", "instance"] as const;

/** Whether an environment of this deployment pushes to this group. */
export function isGroupOf({ service, stage }: Deployment, { key }: Group): boolean {
  const { job, environment, instance = "" } = key;
  return (
    job === service &&
    environment === stage &&
    INSTANCE.test(instance) &&
    Object.keys(key).length === LABELS.length &&
    LABELS.every((label) => Object.hasOwn(key, label))
  );
}
