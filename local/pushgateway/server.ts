/**
 * An embedded Pushgateway, for machines without the real one: the same API over the same formats, held
 * to the same tests. It takes no pushes in protobuf, no snappy and no `gaugehistogram`.
 * @see https://github.com/prometheus/pushgateway#api
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { openGroupStore, type StoredGroup } from "./group-store.ts";
import { createOwnFamilies } from "./own-families.ts";
import { loadGroups, saveGroups } from "./persistence.ts";
import { answer } from "./requests.ts";

export interface EmbeddedPushgatewayOptions {
  /** On 127.0.0.1; 0 for any that is free. */
  readonly port: number;
  /** A file that keeps the groups over a restart; its folder must exist. Default: none. */
  readonly persistencePath?: string;
  /** Whether a push must be consistent with all groups. Default true. */
  readonly consistencyCheck?: boolean;
  /** The clock of push times and of the `Date` header, in milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

export interface EmbeddedPushgateway {
  readonly url: string;
  /** Ends all connections and saves the groups. */
  readonly close: () => Promise<void>;
}

/** How long after a change the file is written, so that a burst of pushes writes it once. */
const SAVE_DELAY_MS = 500;
const PLAIN_TEXT = { "content-type": "text/plain; charset=utf-8" };

/**
 * Starts it.
 * @throws {Error} when the port is taken or the file holds something else.
 */
export async function startPushgateway(
  options: EmbeddedPushgatewayOptions,
): Promise<EmbeddedPushgateway> {
  const { port, persistencePath, consistencyCheck = true, nowMs = Date.now } = options;
  const startedAtMs = nowMs();
  const own = createOwnFamilies(startedAtMs);
  const file = openFile(persistencePath, () => store.groups());
  const store = openGroupStore({
    groups: file.load(),
    isChecked: consistencyCheck,
    ownFamilies: () => own.families(),
    nowMs,
    onChange: () => file.saveSoon(),
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answering = answer(request, { store, isChecked: consistencyCheck, startedAtMs });
    const { status, body = "", headers = PLAIN_TEXT } = await answering;
    own.count({ method: request.method ?? "", status });
    const date = new Date(nowMs()).toUTCString();
    const length = { "content-length": Buffer.byteLength(body) };
    response.writeHead(status, { date, ...headers, ...length }).end(body);
  }

  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      if (!request.complete) response.destroy();
      else response.writeHead(500, PLAIN_TEXT).end(String(error));
    });
  });
  // Go's server keeps idle connections for ever.
  server.keepAliveTimeout = 0;
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      file.saveNow();
    },
  };
}

interface GroupFile {
  load(): StoredGroup[];
  saveSoon(): void;
  saveNow(): void;
}

function openFile(path: string | undefined, groups: () => Iterable<StoredGroup>): GroupFile {
  if (path === undefined) return { load: () => [], saveSoon: () => {}, saveNow: () => {} };
  let timer: NodeJS.Timeout | undefined;
  const saveNow = () => {
    clearTimeout(timer);
    timer = undefined;
    saveGroups(path, groups());
  };
  return {
    load: () => loadGroups(path),
    saveSoon: () => {
      timer ??= setTimeout(saveNow, SAVE_DELAY_MS).unref();
    },
    saveNow,
  };
}
