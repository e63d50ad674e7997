/**
 * Stands in front of a DynamoDB and writes down who asks what of it.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** One call, as far as IAM would look at it. */
export interface RecordedCall {
  /** As IAM names it: `dynamodb:Query`. */
  readonly action: string;
  /** The index it reads, when it reads one. */
  readonly index: string | undefined;
  /** Every partition key it names. */
  readonly partitionKeys: readonly string[];
  readonly accessKeyId: string | undefined;
  readonly sessionToken: string | undefined;
}

export interface RecordingDynamoDB {
  readonly endpoint: string;
  /** The calls since the last time this was asked. */
  take(): RecordedCall[];
  close(): void;
}

/** Starts it in front of `endpoint`. */
export async function recordDynamoDB(endpoint: string): Promise<RecordingDynamoDB> {
  let calls: RecordedCall[] = [];
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    const { host: _host, connection: _connection, ...headers } = request.headers;
    calls.push(describe(headers, body.toString()));
    const answer = await fetch(endpoint, {
      method: "POST",
      headers: headers as Record<string, string>,
      body: new Uint8Array(body),
    });
    response.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" });
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
  const server = createServer((request, response) => {
    pass(request, response).catch((error: Error) => response.destroy(error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take: () => {
      const taken = calls;
      calls = [];
      return taken;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function describe(headers: NodeJS.Dict<string | string[]>, body: string): RecordedCall {
  const operation = String(headers["x-amz-target"]).split(".").at(-1);
  const { IndexName } = JSON.parse(body) as { IndexName?: string };
  return {
    action: `dynamodb:${operation}`,
    index: IndexName,
    partitionKeys: [...body.matchAll(/"g?pk":\{"S":"([^"]*)"\}/g)].map(([, key = ""]) => key),
    accessKeyId: /Credential=([^/]+)\//.exec(String(headers["authorization"]))?.[1],
    sessionToken: headers["x-amz-security-token"]?.toString(),
  };
}
