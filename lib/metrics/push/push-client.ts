/**
 * Pushes to a Pushgateway over HTTP, which tell acknowledged, refused and unanswered apart. Reading is
 * not here, so that it is not in the bundles of functions that only push.
 * @see https://github.com/prometheus/pushgateway#api
 */

import type { OutgoingHttpHeaders } from "node:http";
import { loadZlib } from "../../builtin.ts";
import type { LabelSet } from "../family.ts";
import { groupPath } from "./grouping-key.ts";
import {
  describeError,
  openConnection,
  readAnswer,
  type Connection,
  type Exchange,
  type ExchangeRequest,
} from "./pushgateway-connection.ts";
import { splitCredentials, type CredentialOptions } from "./pushgateway-credentials.ts";
import type { PushMethod, PushOutcome, PushRequest } from "./push-target.ts";

export interface PushClientOptions extends CredentialOptions {
  /** Longest time of a call that says nothing else, in milliseconds. Default 1,000. */
  readonly timeoutMs?: number;
  /**
   * A socket idle for longer is not used again, in milliseconds. Default 4,000: below the 5 s after
   * which Node.js servers close theirs, the shortest of the usual ones (load balancers 60 s, Go's
   * server never). A new connection costs one round trip; a dead one costs a doubtful push.
   */
  readonly maxIdleMs?: number;
}

export interface CallOptions {
  /** Longest time for connecting, sending and the whole answer, in milliseconds. */
  readonly timeoutMs?: number;
  /** Gives up earlier; what had begun to be sent is then unanswered. */
  readonly signal?: AbortSignal;
}

export interface PushClient {
  /** Without credentials and without a slash at its end. */
  readonly url: string;
  /**
   * Replaces the whole group. Never rejects. `refused` is certain: nothing was sent, or the
   * Pushgateway said no (`status` 400: the payload itself). `unanswered` may have been applied, or
   * may yet be: no answer, one that was cut, or a proxy's 502 or 504, which speak of an answer lost
   * behind it.
   * @param body text format 0.0.4, each line ended; gzipped on the way where that pays.
   */
  put(key: LabelSet, body: string, options?: CallOptions): Promise<PushOutcome>;
  /** Replaces the families in the body, leaves the group's others. Answers as `put` does. */
  post(key: LabelSet, body: string, options?: CallOptions): Promise<PushOutcome>;
  /** The request that `put` or `post` would send. @throws {ServiceError} `INVALID_METRIC` for the key. */
  toRequest(method: PushMethod, key: LabelSet, body: string): PushRequest;
  /**
   * Deletes a group; one that is not there is deleted too. Never rejects.
   * @returns whether the Pushgateway acknowledged it.
   */
  remove(key: LabelSet, options?: CallOptions): Promise<boolean>;
  /** Closes all sockets. Exchanges under way fail. */
  close(): void;
}

/** Longest time of a call that says nothing else. */
export const DEFAULT_TIMEOUT_MS = 1_000;
const DEFAULT_MAX_IDLE_MS = 4_000;
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
/**
 * A body up to this size leaves in the first flight of a TCP connection (ten segments): compressing
 * it gains no time. Above, gzip saves a round trip for 0.1 ms of CPU per 10 KB.
 */
const GZIP_ABOVE_BYTES = 13_000;
const VERBS = { PUT: "push to", POST: "push to", DELETE: "delete of" } as const;
/** A proxy passed the request on, and can't say what became of it. */
const STATUSES_IN_DOUBT: ReadonlySet<number> = new Set([502, 504]);

/**
 * Opens a client; nothing is sent before the first call. An idle socket never holds the process, a
 * call under way does, until its deadline at most.
 * @throws {ServiceError} `INVALID_CONFIG` for a URL or credentials that can't be used; neither those
 *   nor any later error or answer repeats a credential.
 */
export function openPushClient(options: PushClientOptions): PushClient {
  return connectToPushgateway(options).client;
}

/** As `openPushClient`; with its connection, for what else goes over it. */
export function connectToPushgateway(options: PushClientOptions): {
  readonly client: PushClient;
  readonly connection: Connection;
  /** Takes the credentials out of a text. */
  readonly redact: (text: string) => string;
} {
  const { timeoutMs: defaultTimeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const { maxIdleMs = DEFAULT_MAX_IDLE_MS } = options;
  const { url, headers, redact } = splitCredentials(options);
  const connection = openConnection({ url: new URL(url), headers, maxIdleMs });

  async function send(
    request: Pick<ExchangeRequest, "path" | "headers" | "body"> & {
      readonly method: keyof typeof VERBS;
    },
    { timeoutMs = defaultTimeoutMs, signal }: CallOptions,
  ): Promise<PushOutcome> {
    const outcome = await settle(await connection.exchange({ ...request, timeoutMs, signal }));
    if (outcome.outcome === "acknowledged") return outcome;
    const what = `${VERBS[request.method]} ${url}${request.path}`;
    return { ...outcome, detail: redact(`${what}: ${outcome.detail}, expected 2xx`) };
  }

  async function change(
    method: keyof typeof VERBS,
    key: LabelSet,
    body: string | undefined,
    call: CallOptions = {},
  ): Promise<PushOutcome> {
    let path: string;
    try {
      path = groupPath(key);
    } catch (error) {
      const detail = `${VERBS[method]} ${url}: ${describeError(error)}`;
      return { outcome: "refused", detail };
    }
    return send({ method, path, ...(body === undefined ? {} : toContent(body)) }, call);
  }

  const client: PushClient = {
    url,
    put: (key, body, call) => change("PUT", key, body, call),
    post: (key, body, call) => change("POST", key, body, call),
    toRequest(method, key, text) {
      const { headers: contentHeaders, body } = toContent(text);
      return {
        method: method.toUpperCase(),
        url: url + groupPath(key),
        headers: { ...headers, ...contentHeaders },
        body,
      };
    },
    remove: async (key, call) =>
      (await change("DELETE", key, undefined, call)).outcome === "acknowledged",
    close: () => connection.close(),
  };
  return { client, connection, redact };
}

function toContent(body: string): { headers: OutgoingHttpHeaders; body: Buffer } {
  const plain = Buffer.from(body);
  const headers = { "content-type": CONTENT_TYPE };
  if (plain.length <= GZIP_ABOVE_BYTES) return { headers, body: plain };
  return {
    headers: { ...headers, "content-encoding": "gzip" },
    body: loadZlib().gzipSync(plain, { level: 1 }),
  };
}

/** What an exchange says about a push; its detail lacks the URL and what was expected. */
async function settle(exchange: Exchange): Promise<PushOutcome> {
  if ("failure" in exchange) {
    const outcome = exchange.isUnsent ? "refused" : "unanswered";
    return { outcome, detail: exchange.failure };
  }
  const { statusCode: status = 0 } = exchange.response;
  const { excerpt, failure } = await readAnswer(exchange.response);
  const detail = `status ${status}${failure === undefined ? excerpt : `, then ${failure}`}`;
  if (status >= 200 && status < 300) {
    if (failure !== undefined) return { outcome: "unanswered", detail };
    return { outcome: "acknowledged", ...(exchange.isAfterReset ? { isAfterReset: true } : {}) };
  }
  // After a reset only the Pushgateway's own word on the payload tells what became of the first try.
  const isInDoubt = STATUSES_IN_DOUBT.has(status) || (exchange.isAfterReset && status !== 400);
  return isInDoubt ? { outcome: "unanswered", detail } : { outcome: "refused", status, detail };
}
