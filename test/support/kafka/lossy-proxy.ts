/**
 * A proxy before a broker that loses answers: the broker gets the request, the client gets nothing but
 * the end of its connection, or not even that.
 */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { LOOPBACK } from "../../../local/ports.ts";

export interface LossyProxy {
  /**
   * Loses the answer to the next request of this kind (`PRODUCE`).
   * @returns resolves once it did: the broker has answered then.
   */
  loseNext(apiKey: number): Promise<void>;
  /** How many answers it lost. */
  lost(): number;
  /** Resets the connections there are. */
  cut(): void;
  /** From now on nothing passes on the connections there are, and nobody is told. */
  silence(): void;
  close(): Promise<void>;
}

export const PRODUCE = 0;

/** @param port that clients connect to. @param target port of the broker. */
export async function startLossyProxy(options: {
  readonly port: number;
  readonly target: number;
}): Promise<LossyProxy> {
  let toLose: number | undefined;
  let lost = 0;
  let onLost = () => {};
  const sockets = new Set<Socket>();
  let silenced: ReadonlySet<Socket> = new Set();
  const server = createServer((client) => {
    const broker = connect(options.target, LOOPBACK);
    for (const socket of [client, broker])
      sockets.add(
        socket
          .on("error", () => {})
          .on("close", () => [client, broker].forEach((one) => one.destroy())),
      );
    let isLosing = false;
    // Clients of ours send each request in one piece, small enough to come in one.
    client.on("data", (chunk) => {
      if (silenced.has(client)) return;
      if (toLose !== undefined && chunk.length > 6 && chunk.readInt16BE(4) === toLose) {
        [toLose, isLosing] = [undefined, true];
      }
      broker.write(chunk);
    });
    broker.on("data", (chunk) => {
      if (isLosing) {
        lost += 1;
        client.destroy();
        onLost();
      } else client.write(chunk);
    });
  });
  server.listen(options.port, LOOPBACK);
  await once(server, "listening");
  return {
    loseNext: (apiKey) => {
      toLose = apiKey;
      return new Promise((resolve) => {
        onLost = resolve;
      });
    },
    lost: () => lost,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    silence: () => {
      silenced = new Set(sockets);
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}
