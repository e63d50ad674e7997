/**
 * A Pushgateway that is restarted now and then, behind a proxy that injects faults; and what each
 * group there was given.
 */

import { setTimeout as delay } from "node:timers/promises";
import { startFaultyProxy, type Fault } from "../support/faulty-proxy.ts";
import { createDelivered, type Delivered, type RestartSignal } from "./delivered.ts";
import { drawFaults, NO_FAULT } from "./plan.ts";
import { startPushgatewayLife, type PushgatewayLifeOptions } from "./pushgateway-life.ts";

export interface FaultyPushgatewayOptions extends Omit<PushgatewayLifeOptions, "onRestarted"> {
  readonly seed: string;
  /** Longest time a push may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Told of each fault that was injected. */
  readonly onFault: (type: Fault["type"]) => void;
}

export interface FaultyPushgateway {
  /** The proxy's, which stays: the Pushgateway behind it moves with each restart. */
  readonly url: string;
  readonly delivered: Delivered;
  refuseConnections(forMs: number): Promise<void>;
  restart(signal: RestartSignal): Promise<void>;
  /** From now on nothing goes wrong any more; resolves when everything that is late has arrived. */
  calm(): Promise<void>;
  /** Its own page, read past all faults. */
  readPage(): Promise<string>;
  close(): Promise<void>;
}

/** Long for the network, short beside the margin for late pushes. */
const LATEST_MS = 3_000;

export async function startFaultyPushgateway(
  options: FaultyPushgatewayOptions,
): Promise<FaultyPushgateway> {
  const { kind, folder, seed, timeoutMs, onFault } = options;
  const delivered = createDelivered();
  const { onRestarted, onArrived, onForwarded } = delivered;
  const pushgateway = await startPushgatewayLife({ kind, folder, onRestarted });
  const canCutRequests = !kind.isOld;
  const draw = drawFaults({ seed, timeoutMs, latestMs: LATEST_MS, canCutRequests });
  let isCalm = false;
  const proxy = await startFaultyProxy({
    target: () => pushgateway.url,
    faultOf: ({ method }) => {
      const fault = isCalm ? NO_FAULT : draw(method);
      if (fault !== NO_FAULT) onFault(fault.type);
      return fault;
    },
    onArrived,
    onForwarded,
    keepsRequests: false,
  });

  let refusing: Promise<void> = Promise.resolve();
  const refuse = async (forMs: number) => {
    if (isCalm) return;
    await proxy.refuseConnections();
    await delay(forMs);
    await proxy.acceptConnections();
  };
  return {
    url: proxy.url,
    delivered,
    refuseConnections: (forMs) => (refusing = refusing.then(() => refuse(forMs))),
    restart: (signal) => pushgateway.restart(signal),
    async calm() {
      isCalm = true;
      await refusing;
      await proxy.settled();
    },
    async readPage() {
      const page = await pushgateway.readPage();
      if (page === undefined) throw new Error(`the Pushgateway at ${pushgateway.url} has no page`);
      return page;
    },
    async close() {
      await proxy.close();
      await pushgateway.close();
    },
  };
}
