/**
 * The ledger of a simulated run: in memory, with answers that are lost after the write or before.
 */

import { ServiceError } from "../../../lib/errors.ts";
import type { Base, Ledger } from "../../../lib/metrics/retire/ledger.ts";
import { createMemoryLedger } from "../memory-ledger.ts";
import { isLeftOut } from "./left-out.ts";
import type { Process, World } from "./world.ts";

export interface SimulatedLedger {
  /** What is in it. */
  base(): Base;
  /** As one process sees it. */
  for(process: Process): Ledger;
}

const TIMEOUT_MS = 5_000;

export function createSimulatedLedger(world: World): SimulatedLedger {
  const ledger = createMemoryLedger();

  /** A write whose answer may be lost, whether it was done or not. */
  const write = async (process: Process, label: string, apply: () => Promise<boolean>) => {
    await world.travel(label, TIMEOUT_MS);
    const fate = process.fates.shift() ?? "arrives";
    const isApplied = fate !== "lost" && fate !== "refused";
    const isWritten = isApplied && (await apply());
    await world.turn(process, `${label}, answered`);
    if (!isApplied || fate === "late") throw new ServiceError("READ_FAILED", "no answer");
    return isWritten;
  };

  return {
    base: () => ledger.base,
    for: (process) => ({
      async readBase() {
        await world.turn(process, "read base");
        return masked(ledger.base);
      },
      async writeBase(base) {
        const written = write(process, "write base", () => {
          const isForced = isLeftOut("conditional base");
          const version = isForced ? ledger.base.version + 1 : base.version;
          return ledger.writeBase({ ...base, version });
        });
        if (!isLeftOut("write before delete")) return written;
        written.catch(() => false);
        return true;
      },
      async readFloor() {
        await world.turn(process, "read floor");
        return isLeftOut("floor") ? { ...ledger.floor, families: [] } : ledger.floor;
      },
      writeFloor: (floor) =>
        write(process, "write floor", () => {
          const isForced = isLeftOut("conditional floor");
          const version = isForced ? ledger.floor.version + 1 : floor.version;
          return ledger.writeFloor({ ...floor, version });
        }),
    }),
  };
}

/** As it would be without a rule of retirement. */
function masked(base: Base): Base {
  return {
    ...base,
    pushgateways: base.pushgateways.map((state) => ({
      ...state,
      ...(isLeftOut("horizon") ? { horizonSeconds: 0 } : {}),
      ...(isLeftOut("tombstones") ? { tombstones: {} } : {}),
      ...(isLeftOut("vacancy") ? { vacantSinceSeconds: 0 } : {}),
    })),
  };
}
