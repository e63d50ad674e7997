/** A Pushgateway that refuses each third request, and repeats the credentials it came with. */

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { startPushgateway as startEmbedded } from "../../local/pushgateway/server.ts";

export interface RudePushgateway {
  readonly url: string;
  /** Requests it has refused so far. */
  refused(): number;
  close(): Promise<void>;
}

/** Starts it in front of the embedded one. */
export async function startRudePushgateway(): Promise<RudePushgateway> {
  const real = await startEmbedded({ port: 0 });
  let [asked, refused] = [0, 0];
  const server = createServer((request, response) => {
    asked += 1;
    if (asked % 3 === 0) {
      refused += 1;
      request.resume();
      response.writeHead(500).end(`no ${request.headers.authorization} ${request.url}`);
      return;
    }
    forward(request, real.url)
      .then(async (answer) => {
        response.writeHead(answer.status, {
          date: answer.headers.get("date") ?? "",
          "content-type": answer.headers.get("content-type") ?? "",
        });
        response.end(Buffer.from(await answer.arrayBuffer()));
      })
      .catch((error: Error) => response.destroy(error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused: () => refused,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await real.close();
    },
  };
}

async function forward(request: IncomingMessage, url: string): Promise<Response> {
  const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
  const { method = "GET", headers } = request;
  const sent = Object.entries(headers).filter(([name]) => /^(?:content-type|accept$)/.test(name));
  return fetch(`${url}${request.url}`, {
    method,
    headers: sent as [string, string][],
    ...(body.length === 0 ? {} : { body }),
  });
}
