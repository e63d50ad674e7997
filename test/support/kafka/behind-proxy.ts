/**
 * A broker to which clients go through a proxy that loses answers.
 */

import { freePort, LOOPBACK } from "../../../local/ports.ts";
import type { OwnKafkaBroker } from "./broker.ts";
import type { KafkaKind } from "./kinds.ts";
import { type LossyProxy, startLossyProxy } from "./lossy-proxy.ts";

export interface ProxiedBroker {
  /** Its own addresses don't go through the proxy, those it advertises do. */
  readonly broker: OwnKafkaBroker;
  readonly proxy: LossyProxy;
  /** `127.0.0.1:PORT` of the proxy. */
  readonly address: string;
  /** Ends both. */
  readonly close: () => Promise<void>;
}

/** Starts a broker of this kind, with no data, and the proxy before it; the caller closes both. */
export async function startBehindProxy(start: KafkaKind["start"]): Promise<ProxiedBroker> {
  const port = await freePort();
  const broker = await start({ advertisedPort: port });
  const target = Number(broker.addresses.split(":")[1]);
  const proxy = await startLossyProxy({ port, target });
  return {
    broker,
    proxy,
    address: `${LOOPBACK}:${port}`,
    close: async () => {
      await proxy.close();
      await broker.close();
    },
  };
}
