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
  /** What it may hold instead, since the Pushgateway was restarted after that. */
  readonly alternatives: readonly Alternative[];
}

export interface Alternative {
  readonly signal: RestartSignal;
  readonly sums: Sums;
}

export interface Delivered {
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
    const history = { body: NOTHING, unanswered: [], alternatives: [], isRetired: false };
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
    history.body = isPart ? new Map([...sumsOf(history), ...readBody(request)]) : request;
    history.unanswered = [];
    history.alternatives = [];
  };

  return {
    onForwarded(request, status) {
      const instance = /\/instance\/([^/]+)/.exec(request.path)?.[1];
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
        const process = [sums, ...different.map((one) => one.sums)].map(processOf);
        return {
          process: process.find((name) => name !== undefined),
          sums,
          alternatives: different.filter(
            (one, at) => different.findIndex(({ sums }) => isEqual(sums, one.sums)) === at,
          ),
        };
      }),
    rejected,
  };
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
