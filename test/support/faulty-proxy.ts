/**
 * A proxy in front of a Pushgateway that does to requests what networks and proxies do: refuses,
 * resets, delays, answers for it, cuts the answer. The test scripts which request meets which fault.
 */

import { once } from "node:events";
import http, { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../local/ports.ts";

/** What happens to one request. Once it is forwarded, it is applied even if the client is gone. */
export type Fault =
  | { readonly type: "none" }
  /** The connection is reset when the request has arrived; nothing is forwarded. */
  | { readonly type: "reset-before" }
  /** Forwarded; the connection is reset instead of answered. */
  | { readonly type: "reset-after" }
  /** The connection is reset at once, and the request is forwarded that much later. */
  | { readonly type: "reset-and-apply-late"; readonly delayMs: number }
  /** Forwarded that much later. */
  | { readonly type: "delay-before"; readonly delayMs: number }
  /** Forwarded at once, answered that much later. */
  | { readonly type: "delay-after"; readonly delayMs: number }
  /** Answered with this status; nothing is forwarded. */
  | {
      readonly type: "status";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection is reset, and this part of the body (default half) is forwarded, then the end of it. */
  | { readonly type: "cut-request"; readonly part?: number }
  /** Forwarded; the connection ends after this part of the answer (default half), head included. */
  | { readonly type: "cut-answer"; readonly part?: number };

export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** Which connection it came on, from 1. */
  readonly connection: number;
}

export interface FaultyProxy {
  readonly url: string;
  /** Every request that has arrived, faulty or not, unless they are not kept. */
  readonly requests: readonly ProxiedRequest[];
  /** Faults for the next requests, one each; they go before `faultOf`. */
  readonly inject: (...faults: readonly Fault[]) => void;
  /** From now on connections are refused, and those that are open are reset. */
  readonly refuseConnections: () => Promise<void>;
  /** Ends that: it listens again, on the same port. */
  readonly acceptConnections: () => Promise<void>;
  /** Resolves when everything that is to be forwarded has been, late ones too. */
  readonly settled: () => Promise<void>;
  /** What is still to be forwarded is dropped. */
  readonly close: () => Promise<void>;
}

export interface FaultyProxyOptions {
  /** Where requests are forwarded to; a function is asked for each. */
  readonly target: string | (() => string);
  /** The fault of a request for which none was injected. Default: none. */
  readonly faultOf?: (request: ProxiedRequest) => Fault;
  /** Told of each request that has arrived whole, before anything becomes of it. */
  readonly onArrived?: (request: ProxiedRequest) => void;
  /** Told of each request that was forwarded whole: its answer's status; undefined when none came. */
  readonly onForwarded?: (request: ProxiedRequest, status: number | undefined) => void;
  /** Whether `requests` has them; a long run's would fill the memory. Default true. */
  readonly keepsRequests?: boolean;
}

/** Starts a proxy on a free port. */
export async function startFaultyProxy(options: FaultyProxyOptions): Promise<FaultyProxy> {
  const { target, faultOf = () => ({ type: "none" }), keepsRequests = true } = options;
  const { onArrived, onForwarded } = options;
  const requests: ProxiedRequest[] = [];
  const injected: Fault[] = [];
  const underWay = new Set<Promise<void>>();
  const connections = new WeakMap<object, number>();
  const ending = new AbortController();
  let connectionCount = 0;

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "", headers } = incoming;
    const connection = connections.get(incoming.socket) ?? 0;
    const request = { method, path, headers, body: await buffer(incoming), connection };
    if (keepsRequests) requests.push(request);
    onArrived?.(request);
    const fault = injected.shift() ?? faultOf(request);
    const wait = (delayMs: number) => delay(delayMs, undefined, { signal: ending.signal });
    const url = () => (typeof target === "string" ? target : target());
    const forwardWhole = async () => {
      let answer: Forwarded | undefined;
      try {
        return (answer = await forward(url(), request));
      } finally {
        onForwarded?.(request, answer?.status);
      }
    };
    const forwardPart = (part: number) => forwardCut(url(), request, part);
    await meet(fault, { response, forward: forwardWhole, forwardPart, wait });
  }

  const server = createServer((incoming, response) => {
    // A request whose body was cut is no one's any more.
    const serving = serve(incoming, response).catch(() => void incoming.socket.destroy());
    underWay.add(serving);
    void serving.finally(() => underWay.delete(serving));
  });
  server.keepAliveTimeout = 0;
  server.on("connection", (socket) => connections.set(socket, (connectionCount += 1)));
  const port = await freePort();
  await listen(server, port);

  const stop = async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    inject: (...faults) => void injected.push(...faults),
    refuseConnections: stop,
    acceptConnections: () => listen(server, port),
    settled: async () => {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    close: async () => {
      ending.abort();
      if (server.listening) await stop();
    },
  };
}

interface Forwarded {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

interface Meeting {
  readonly response: ServerResponse;
  readonly forward: () => Promise<Forwarded>;
  readonly forwardPart: (part: number) => Promise<void>;
  readonly wait: (delayMs: number) => Promise<void>;
}

async function meet(fault: Fault, meeting: Meeting): Promise<void> {
  const { response, forward, forwardPart, wait } = meeting;
  const { socket } = response;
  switch (fault.type) {
    case "none":
      return reply(response, await forward());
    case "reset-before":
      socket?.resetAndDestroy();
      return undefined;
    case "reset-after":
      await forward();
      socket?.resetAndDestroy();
      return undefined;
    case "reset-and-apply-late":
      socket?.resetAndDestroy();
      await wait(fault.delayMs);
      await forward();
      return undefined;
    case "delay-before":
      await wait(fault.delayMs);
      return reply(response, await forward());
    case "delay-after": {
      const answer = await forward();
      await wait(fault.delayMs);
      return reply(response, answer);
    }
    case "status": {
      const { status, headers = {}, body = "" } = fault;
      return reply(response, { status, headers, body: Buffer.from(body) });
    }
    case "cut-request":
      socket?.resetAndDestroy();
      return forwardPart(fault.part ?? 0.5);
    case "cut-answer": {
      const raw = toRaw(await forward());
      socket?.end(raw.subarray(0, raw.length * (fault.part ?? 0.5)));
      return undefined;
    }
  }
}

function reply(response: ServerResponse, { status, headers, body }: Forwarded): void {
  response.writeHead(status, { ...headers, "content-length": body.length }).end(body);
}

function toRaw({ status, headers, body }: Forwarded): Buffer {
  const fields = Object.entries({ ...headers, "content-length": body.length });
  const lines = fields.map(([name, value]) => `${name}: ${String(value)}\r\n`).join("");
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} \r\n${lines}\r\n`), body]);
}

async function forward(target: string, request: ProxiedRequest): Promise<Forwarded> {
  const { method, path, body } = request;
  const headers = withoutHopByHop(request.headers);
  const call = http.request(`${target}${path}`, { method, headers, agent: false });
  call.end(body);
  const [response] = (await once(call, "response")) as [IncomingMessage];
  const { statusCode: status = 0 } = response;
  return { status, headers: withoutHopByHop(response.headers), body: await buffer(response) };
}

/** Sends a part of a body that is announced as whole, and ends the connection. */
async function forwardCut(target: string, request: ProxiedRequest, part: number): Promise<void> {
  const { method, path, body } = request;
  const headers = { ...withoutHopByHop(request.headers), "content-length": body.length };
  const call = http.request(`${target}${path}`, { method, headers, agent: false });
  call.on("error", () => {}); // Nobody is left to be told.
  const closed = new Promise((resolve) => call.on("close", resolve));
  call.write(body.subarray(0, body.length * part), () => call.destroy());
  await closed;
}

/** Headers that belong to one connection. */
function withoutHopByHop(headers: IncomingMessage["headers"]): IncomingMessage["headers"] {
  const own = new Set(["host", "connection", "keep-alive", "transfer-encoding"]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name)));
}

async function listen(server: http.Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}
