/**
 * The door of the local stack: hands requests to the functions as API Gateway would, with its limits,
 * and serves the pages that are for this machine alone.
 */

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { createProxyServer } from "httpxy";
import { PROBLEM_CONTENT_TYPE } from "../lib/http/problem.ts";
import {
  GATEWAY_ANSWERS,
  type GatewayAnswer,
  type GatewayAnswerType,
  toProblem,
} from "../ops/serverless/gateway-answers.ts";
import { LOOPBACK } from "./ports.ts";
import { undoEmulatorCors } from "./undo-emulator-cors.ts";

export interface GatewayOptions {
  /** Where it listens; 0: any free port. */
  readonly port: number;
  /** Base URL of the functions. */
  readonly functions: string;
  /** Answers a page of this machine; `undefined` when the path is none, and the functions are asked. */
  readonly page: (path: string) => Promise<Page | undefined>;
  /** Longest time a client may take over a request's head, and over all of it. Default: 10 s, 30 s. */
  readonly patience?: { readonly headMs: number; readonly requestMs: number };
}

export interface Page {
  /** Default: 200. */
  readonly status?: number;
  readonly contentType: string;
  readonly body: string | Buffer;
}

export interface Gateway {
  readonly port: number;
  close(): Promise<void>;
}

/** API Gateway's limits: of a request's body, of the time a function has, of a slow client. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;
const FUNCTION_TIMEOUT_MS = 29_000;
const PATIENCE = { headMs: 10_000, requestMs: 30_000 };
const MAX_SOCKETS = 256;

/** Opens the door. @throws {Error} when the port can't be had. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  // A socket kept for later may be closed by the functions just when it is used again.
  const agent = new Agent({ keepAlive: false, maxSockets: MAX_SOCKETS });
  const proxy = createProxyServer({
    target: options.functions,
    agent,
    proxyTimeout: FUNCTION_TIMEOUT_MS,
  });
  proxy.on("error", (error, _request, response) => {
    if (response !== undefined && "writeHead" in response) refuse(response, failureOf(error));
  });
  proxy.on("proxyRes", (answer, request, response) => {
    if (answer.headers["x-correlation-id"] === undefined && "writeHead" in response) {
      answer.resume();
      refuse(response, emulatorFailure(answer.statusCode ?? 502));
    } else undoEmulatorCors(answer, request);
  });
  const { headMs, requestMs } = options.patience ?? PATIENCE;
  const server = createServer(
    {
      headersTimeout: headMs,
      requestTimeout: requestMs,
      // How often it looks for those that take too long; else each half minute.
      connectionsCheckingInterval: headMs / 10,
    },
    (request, response) => {
      answer(request, response).catch((error: unknown) => refuse(response, failureOf(error)));
    },
  );

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "/"] = (request.url ?? "/").split("?");
    const page = isReading(request) ? await options.page(path) : undefined;
    if (page !== undefined) return show(response, page, request.method === "HEAD");
    const fault = faultOf(path);
    if (fault !== undefined) return refuse(response, fault);
    const body = await readBody(request);
    if (body === undefined) return refuse(response, "REQUEST_TOO_LARGE");
    await proxy.web(request, response, { buffer: Readable.from(body) });
  }

  server.listen(options.port, LOOPBACK);
  await once(server, "listening");
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : options.port,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      agent.destroy();
    },
  };
}

function isReading({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}

/** Whole, as API Gateway hands it on; `undefined` when it is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer[] | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return chunks;
}

function show(
  response: ServerResponse,
  { status = 200, contentType, body }: Page,
  isHead: boolean,
): void {
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // The pages are whole in themselves: nothing comes from anywhere else.
    "content-security-policy":
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
  });
  response.end(isHead ? undefined : body);
}

/** Why a path leads nowhere whatever the routes are; the emulator would fail over it. */
function faultOf(path: string): GatewayAnswerType | undefined {
  if (!path.startsWith("/")) return "DEFAULT_4XX";
  if (path.includes("//")) return "MISSING_AUTHENTICATION_TOKEN";
  try {
    decodeURIComponent(path);
    return undefined;
  } catch {
    return "DEFAULT_4XX";
  }
}

/** Every answer of a function has a correlation id; without one it is the emulator's own. */
function emulatorFailure(status: number): GatewayAnswerType {
  if (status === 404) return "MISSING_AUTHENTICATION_TOKEN";
  return status < 500 ? "DEFAULT_4XX" : "DEFAULT_5XX";
}

/** As API Gateway will when it is deployed. */
function refuse(response: ServerResponse, type: GatewayAnswerType): void {
  if (response.headersSent) return void response.destroy();
  const answer: GatewayAnswer = GATEWAY_ANSWERS[type];
  const correlationId = randomUUID();
  const problem = toProblem(answer, correlationId);
  response.writeHead(problem.status, {
    "content-type": PROBLEM_CONTENT_TYPE,
    "cache-control": "no-store",
    "x-correlation-id": correlationId,
    connection: "close",
    ...answer.headers,
  });
  response.end(JSON.stringify(problem));
}

function failureOf(error: unknown): GatewayAnswerType {
  const { code } = error as NodeJS.ErrnoException;
  const isLate = code === "ETIMEDOUT" || code === "ECONNRESET";
  return isLate ? "INTEGRATION_TIMEOUT" : "INTEGRATION_FAILURE";
}
