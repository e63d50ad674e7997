/**
 * What each group was given: every push that a Pushgateway took, seen from between it and its
 * clients, and what was left of them when it had been restarted.
 */

import { gunzipSync } from "node:zlib";
import type { ProxiedRequest } from "../support/faulty-proxy.ts";
import { FAMILIES } from "./work.ts";
import { readSums, type Sums } from "./sums.ts";

export type RestartSignal = "SIGTERM" | "SIGKILL";

/** The last word on one instance's group. */
export interface DeliveredGroup {
  /** The process that pushed it; undefined if it had recorded nothing. */
  readonly process: string | undefined;
  /** What the last push held that a Pushgateway said it took. */
  readonly sums: Sums;
  /** What the last push held, if it has arrived and no Pushgateway said that it took it. */
  readonly untaken: Sums | undefined;
  /** What it may hold instead, since the Pushgateway was restarted after that. */
  readonly alternatives: readonly Alternative[];
}

export interface Alternative {
  readonly signal: RestartSignal;
  readonly sums: Sums;
}

export interface Delivered {
  /** For the proxy: a request that has arrived from a client. */
  readonly onArrived: (request: ProxiedRequest) => void;
  /** For the proxy: a request that was forwarded, and its answer's status if one came. */
  readonly onForwarded: (request: ProxiedRequest, status: number | undefined) => void;
  /** A Pushgateway is back. @param groups what it holds now, before anyone pushes to it again. */
  readonly onRestarted: (signal: RestartSignal, groups: ReadonlyMap<string, Sums>) => void;
  groups(): DeliveredGroup[];
  /** Pushes that were refused for what they held (400), which none should be. */
  readonly rejected: readonly string[];
}

interface History {
  body: ProxiedRequest | Sums;
  /** The last push that has arrived, until it is taken. */
  untaken: ProxiedRequest | undefined;
  /** Pushes after it that were forwarded and never answered: the Pushgateway was ended meanwhile. */
  unanswered: ProxiedRequest[];
  alternatives: Alternative[];
  /** A retirement deleted it, so it is in the ledger. */
  isRetired: boolean;
}

const NOTHING: Sums = new Map();

export function createDelivered(): Delivered {
  const histories = new Map<string, History>();
  const rejected: string[] = [];

  const sumsOf = (history: History): Sums => {
    if ("path" in history.body) history.body = readBody(history.body);
    return history.body;
  };

  const historyOf = (instance: string): History => {
    const known = histories.get(instance);
    if (known !== undefined) return known;
    const history: History = {
      body: NOTHING,
      untaken: undefined,
      unanswered: [],
      alternatives: [],
      isRetired: false,
    };
    histories.set(instance, history);
    return history;
  };

  const retire = (instance: string, status = 0) => {
    const history = histories.get(instance);
    if (history !== undefined && status >= 200 && status < 300) history.isRetired = true;
  };

  /** The answer to a push settles all that was in doubt. */
  const take = (request: ProxiedRequest, history: History) => {
    const isPart = request.method === "POST";
    if (history.untaken === request) history.untaken = undefined;
    history.body = isPart ? new Map([...sumsOf(history), ...readBody(request)]) : request;
    history.unanswered = [];
    history.alternatives = [];
  };

  return {
    onArrived(request) {
      const instance = instanceOf(request);
      if (instance === undefined || request.method === "DELETE") return;
      historyOf(instance).untaken = request;
    },
    onForwarded(request, status) {
      const instance = instanceOf(request);
      if (instance === undefined) return;
      if (status === 400) rejected.push(`${request.method} ${request.path}`);
      if (request.method === "DELETE") retire(instance, status);
      else if (status === undefined) historyOf(instance).unanswered.push(request);
      else if (status < 300) take(request, historyOf(instance));
    },
    onRestarted(signal, groups) {
      for (const [instance, history] of histories) {
        const { unanswered, alternatives, isRetired } = history;
        for (const request of unanswered.splice(0)) {
          alternatives.push({ signal, sums: readBody(request) });
        }
        if (isRetired) continue;
        alternatives.push({ signal, sums: groups.get(instance) ?? NOTHING });
      }
    },
    groups: () =>
      [...histories.values()].map((history) => {
        const sums = sumsOf(history);
        const different = history.alternatives.filter((one) => !isEqual(one.sums, sums));
        const untaken = history.untaken === undefined ? undefined : readBody(history.untaken);
        const all = [sums, untaken ?? NOTHING, ...different.map((one) => one.sums)];
        return {
          process: all.map(processOf).find((name) => name !== undefined),
          sums,
          untaken,
          alternatives: different.filter(
            (one, at) => different.findIndex(({ sums }) => isEqual(sums, one.sums)) === at,
          ),
        };
      }),
    rejected,
  };
}

function instanceOf({ path }: ProxiedRequest): string | undefined {
  return /\/instance\/([^/]+)/.exec(path)?.[1];
}

function readBody({ headers, body }: ProxiedRequest): Sums {
  const plain = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
  return readSums(plain.toString());
}

function processOf(sums: Sums): string | undefined {
  for (const series of sums.keys()) {
    if (series.startsWith(FAMILIES.process)) return /process="([^"]+)"/.exec(series)?.[1];
  }
  return undefined;
}

function isEqual(one: Sums, other: Sums): boolean {
  return (
    one.size === other.size && [...one].every(([series, value]) => other.get(series) === value)
  );
}
