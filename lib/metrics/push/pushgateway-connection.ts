/**
 * HTTP exchanges with one server over kept-alive sockets. What it adds to node:http is knowing, when
 * an exchange fails, whether the server can have seen it.
 */

import type { Agent, ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { urlToHttpOptions } from "node:url";
import { http, loadHttps } from "../../builtin.ts";
import { elapsedMs, systemClock, type Moment } from "./clock.ts";

export interface ConnectionOptions {
  /** `http:` or `https:`, without credentials; its path goes before each request's. */
  readonly url: URL;
  /** Sent with each request. */
  readonly headers: OutgoingHttpHeaders;
  /** A socket idle for longer is closed instead of used again, in milliseconds. */
  readonly maxIdleMs: number;
}

/** How long a caller is ready to wait. */
export interface Patience {
  /** From the start of connecting to the last byte of the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Gives up earlier. */
  readonly signal?: AbortSignal | undefined;
}

export interface ExchangeRequest extends Patience {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below the connection's URL. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer;
}

export type Exchange =
  | {
      /** The head has arrived. The caller reads the body, or destroys it; the deadline covers it too. */
      readonly response: IncomingMessage;
      /** The same request went out before on a socket that was reset, and may have been seen then. */
      readonly isAfterReset: boolean;
    }
  | {
      /** What happened, without the URL. */
      readonly failure: string;
      /** No byte of the request can have reached the server. */
      readonly isUnsent: boolean;
    };

export interface Connection {
  /**
   * Sends a request. A reset of a socket that was used before most likely means that the server had
   * closed it while it was idle: the same request goes out once more, at once, on a fresh socket.
   * Never rejects; redirects are not followed.
   */
  exchange(request: ExchangeRequest): Promise<Exchange>;
  /** Closes all sockets, those in use too: their exchanges fail. Nothing can be sent afterwards. */
  close(): void;
}

/** Enough for a retirement's deletions; pushes use one. */
const MAX_SOCKETS = 16;
const MAX_ANSWER_LENGTH = 16_384;
const EXCERPT_LENGTH = 200;
const RESET_CODES: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPIPE"]);

type Attempt =
  | { readonly response: IncomingMessage }
  | { readonly error: Error; readonly isUnsent: boolean; readonly isStale: boolean };

/** Opens a connection; no socket is opened before the first exchange, and an idle one holds no process. */
export function openConnection({ url, headers, maxIdleMs }: ConnectionOptions): Connection {
  const isTls = url.protocol === "https:";
  const { request, Agent } = isTls ? loadHttps() : http;
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  const idleSince = trackIdleness(agent);
  const established = trackConnecting(agent, isTls ? "secureConnect" : "connect");
  const target = urlToHttpOptions(url);
  const prefix = url.pathname.replace(/\/$/, "");
  let isClosed = false;

  /** The sockets idle longest come first in the agent's lists, which it relies on here too. */
  function closeIdle(minIdleMs: number): void {
    const now = systemClock();
    for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
      const since = idleSince.get(socket);
      if (since === undefined || elapsedMs(since, now) >= minIdleMs) socket.destroy();
    }
  }

  function attempt(exchange: ExchangeRequest, deadline: Deadline): Promise<Attempt> {
    return new Promise((resolve) => {
      const { method, body } = exchange;
      const path = prefix + exchange.path;
      const allHeaders = { ...headers, ...exchange.headers };
      const call = request({ ...target, agent, method, path, headers: allHeaders });
      const sending = watchSending(call, established, deadline);
      const fail = (error: Error) => {
        const isReset = RESET_CODES.has((error as NodeJS.ErrnoException).code);
        resolve({ error, isUnsent: !sending.hasBegun, isStale: sending.isReused && isReset });
      };
      call.on("response", (response) => {
        response.on("error", () => {}); // Whoever reads the body sees it; nobody may have begun.
        deadline.onExpiry((reason) => response.destroy(reason));
        resolve({ response });
      });
      call.on("error", fail);
      call.on("close", () => fail(new Error("the connection was closed without an answer")));
      deadline.onExpiry((reason) => {
        call.destroy(reason);
        fail(reason); // A call that still waits for a socket tells nothing itself.
      });
      call.end(body);
    });
  }

  async function exchange(outgoing: ExchangeRequest): Promise<Exchange> {
    if (isClosed) return { failure: "this client is closed", isUnsent: true };
    const deadline = startDeadline(outgoing);
    closeIdle(maxIdleMs);
    let result = await attempt(outgoing, deadline);
    const isAfterReset = "error" in result && result.isStale && !isClosed;
    if (isAfterReset) {
      closeIdle(0);
      result = await attempt(outgoing, deadline);
    }
    if ("response" in result) {
      result.response.once("close", () => deadline.end());
      return { response: result.response, isAfterReset };
    }
    deadline.end();
    return { failure: describeError(result.error), isUnsent: result.isUnsent && !isAfterReset };
  }

  return {
    exchange,
    close: () => {
      isClosed = true;
      agent.destroy();
    },
  };
}

/**
 * Reads a short answer. Never rejects.
 * @returns its start as ` (in one line)`, or nothing when it is empty; and what happened when it
 *   was not whole. What is longer than 16 KiB is not read on.
 */
export async function readAnswer(
  response: IncomingMessage,
): Promise<{ readonly excerpt: string; readonly failure?: string }> {
  let text = "";
  try {
    for await (const chunk of response.setEncoding("utf8") as AsyncIterable<string>) {
      text += chunk;
      if (text.length > MAX_ANSWER_LENGTH) break;
    }
  } catch (error) {
    return { excerpt: "", failure: describeError(error) };
  }
  const excerpt = toOneLine(text).slice(0, EXCERPT_LENGTH);
  return { excerpt: excerpt === "" ? "" : ` (${excerpt})` };
}

/** An error in one line, with its code. Node.js gives a failed connect to several addresses no message. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeError).join(", ");
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const message = toOneLine(error.message);
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

function toOneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** When each socket was last put aside. Timers can't tell: they stand still while frozen. */
function trackIdleness(agent: Agent): WeakMap<Duplex, Moment> {
  const idleSince = new WeakMap<Duplex, Moment>();
  const keepSocketAlive = agent.keepSocketAlive.bind(agent);
  agent.keepSocketAlive = (socket) => {
    idleSince.set(socket, systemClock());
    return keepSocketAlive(socket);
  };
  return idleSince;
}

/** Sockets whose connecting is done: from then on what is written may leave. */
interface Established {
  has(socket: Duplex): boolean;
  /** Calls back when a socket that still connects is done; never when it fails. */
  whenDone(socket: Duplex, callback: () => void): void;
}

/**
 * Watches each socket from its birth on: the agent may give one to a request while it connects, or
 * take it back from one that was given up meanwhile and give it to another after it has connected.
 */
function trackConnecting(agent: Agent, done: "connect" | "secureConnect"): Established {
  const established = new WeakSet<Duplex>();
  const waiting = new WeakMap<Duplex, () => void>();
  const createConnection = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = createConnection(options, callback);
    socket?.once(done, () => {
      established.add(socket);
      waiting.get(socket)?.();
    });
    return socket;
  };
  return {
    has: (socket) => established.has(socket),
    whenDone: (socket, callback) => void waiting.set(socket, callback),
  };
}

interface Sending {
  /** The socket was established, so bytes of the request may have left. */
  hasBegun: boolean;
  /** The socket was established before this request got it. */
  isReused: boolean;
}

function watchSending(call: ClientRequest, established: Established, deadline: Deadline): Sending {
  const sending: Sending = { hasBegun: false, isReused: false };
  call.on("socket", (socket) => {
    sending.isReused = established.has(socket);
    sending.hasBegun = sending.isReused;
    if (sending.isReused) return;
    established.whenDone(socket, () => {
      sending.hasBegun = true;
      // Frozen while it connected: the lease under which this was to be sent may be over by now.
      if (deadline.hasPassed()) socket.destroy();
    });
  });
  return sending;
}

interface Deadline {
  /** Told by the clocks, sooner than by a timer. */
  hasPassed(): boolean;
  /** What to do when it expires; replaces the former. */
  onExpiry(cut: (reason: Error) => void): void;
  end(): void;
}

function startDeadline({ timeoutMs, signal }: Patience): Deadline {
  const startedAt = systemClock();
  let [isOver, cut] = [false, (_reason: Error) => {}];
  const expire = (reason: Error) => {
    if (!isOver) cut(reason);
  };
  const giveUp = () => expire(new Error("the caller gave up"));
  // A process that stood still past the deadline, as a frozen environment does, must first take in
  // what has arrived meanwhile: that happens between a timer and an immediate.
  const late = () => expire(new Error(`no answer within ${timeoutMs} ms`));
  const timer = setTimeout(() => setImmediate(late), timeoutMs);
  signal?.addEventListener("abort", giveUp);
  return {
    hasPassed: () => elapsedMs(startedAt, systemClock()) > timeoutMs,
    onExpiry: (next) => {
      cut = next;
      if (signal?.aborted === true) giveUp();
    },
    end: () => {
      isOver = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    },
  };
}
