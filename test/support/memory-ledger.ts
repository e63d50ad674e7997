/**
 * A ledger in memory, behind the same interface as the one in DynamoDB.
 */

import type { Base, Floor, Ledger } from "../../lib/metrics/retire/ledger.ts";

/** Opens an empty ledger; what it keeps has been through JSON, as a stored one has. */
export function createMemoryLedger(): Ledger & { readonly base: Base; readonly floor: Floor } {
  let base: Base = { version: 0, totals: [], pushgateways: [] };
  let floor: Floor = { version: 0, families: [] };
  return {
    get base() {
      return base;
    },
    get floor() {
      return floor;
    },
    readBase: () => Promise.resolve(base),
    writeBase(next) {
      if (next.version !== base.version + 1) return Promise.resolve(false);
      base = structuredClone(next);
      return Promise.resolve(true);
    },
    readFloor: () => Promise.resolve(floor),
    writeFloor(next) {
      if (next.version !== floor.version + 1) return Promise.resolve(false);
      floor = structuredClone(next);
      return Promise.resolve(true);
    },
  };
}
