/**
 * The ledger of a simulated run: in memory, with answers that are lost after the write or before.
 */

import { ServiceError } from "../../../lib/errors.ts";
import type { Base, Ledger } from "../../../lib/metrics/retire/ledger.ts";
import { createMemoryLedger } from "../memory-ledger.ts";
import type { Process, World } from "./world.ts";

export interface SimulatedLedger {
  /** What is in it. */
  base(): Base;
  /** As one process sees it. */
  for(process: Process): Ledger;
  /** As one sees it that reads the base once, before it reads any group. */
  readingOnce(process: Process): Ledger;
}

export function createSimulatedLedger(
  world: World,
  { onFold }: { onFold: () => void },
): SimulatedLedger {
  const { random, without } = world;
  const ledger = createMemoryLedger();

  /** A write whose answer may be lost, whether it was done or not. */
  const write = async (process: Process, label: string, apply: () => Promise<boolean>) => {
    await world.travel(process, label, () => void (random.chance(0.5) && apply()));
    const isLost = random.chance(0.04);
    const isWritten = isLost && random.chance(0.5) ? undefined : await apply();
    await world.turn(process, `${label}, answered`);
    if (isLost || isWritten === undefined) throw new ServiceError("READ_FAILED", "no answer");
    return isWritten;
  };

  const masked = (base: Base): Base => ({
    ...base,
    pushgateways: base.pushgateways.map((state) => ({
      ...state,
      ...(without === "horizon" ? { horizonSeconds: 0 } : {}),
      ...(without === "tombstones" ? { tombstones: {} } : {}),
      ...(without === "vacancy" ? { vacantSinceSeconds: 0 } : {}),
    })),
  });

  const forProcess = (process: Process): Ledger => ({
    async readBase() {
      await world.turn(process, "read base");
      return masked(ledger.base);
    },
    async writeBase(base) {
      const isWritten = await write(process, "write base", () => {
        const version = without === "conditional base" ? ledger.base.version + 1 : base.version;
        return ledger.writeBase({ ...base, version });
      });
      if (isWritten) onFold();
      return isWritten;
    },
    async readFloor() {
      await world.turn(process, "read floor");
      return without === "floor" ? { ...ledger.floor, families: [] } : ledger.floor;
    },
    writeFloor: (floor) =>
      write(process, "write floor", () => {
        const version = without === "conditional floor" ? ledger.floor.version + 1 : floor.version;
        return ledger.writeFloor({ ...floor, version });
      }),
  });

  return {
    base: () => ledger.base,
    for: forProcess,
    readingOnce(process) {
      const real = forProcess(process);
      let base: Promise<Base> | undefined;
      return { ...real, readBase: () => (base ??= real.readBase()) };
    },
  };
}
