/**
 * A push target in memory that does what a script says: it applies pushes at once, late or never, and
 * answers or does not.
 */

import type { LabelSet } from "../../lib/metrics/family.ts";
import type { PushOutcome, PushTarget } from "../../lib/metrics/push/push-target.ts";
import { readExposition, sampleLines } from "./exposition.ts";

/**
 * What becomes of one request: applied and answered; refused, with a status or without an answer
 * from the Pushgateway; lost; applied though its answer was lost; applied once `applyLate` is called;
 * applied and answered on a second try, and once more when `applyLate` is called.
 */
export type Fate =
  | "applied"
  | "refused"
  | 400
  | 500
  | "lost"
  | "applied unanswered"
  | "applied late"
  | "applied again late";

export interface ScriptedRequest {
  readonly method: "put" | "post";
  readonly key: LabelSet;
  readonly body: string;
  readonly timeoutMs: number;
}

export interface ScriptedTarget extends PushTarget {
  /** All requests so far. */
  readonly requests: readonly ScriptedRequest[];
  /** Fates of the next requests, in order; then `applied`. */
  script(...fates: readonly Fate[]): void;
  /** Refuses every body with a family of this name, with status 400. */
  reject(...families: readonly string[]): void;
  /** Applies what is late, in the order given by these ranks. */
  applyLate(ranks?: readonly number[]): void;
  /** What is in its groups: each sample's value, by instance. */
  samples(): Map<string, Map<string, number>>;
  /** A series' values over all groups. */
  sum(series: string): number;
}

export function createScriptedTarget(url = "http://pushgateway:9091"): ScriptedTarget {
  const requests: ScriptedRequest[] = [];
  const groups = new Map<string, Map<string, string>>();
  let fates: Fate[] = [];
  let rejected: readonly string[] = [];
  let late: (() => void)[] = [];

  const apply = ({ method, key, body }: ScriptedRequest) => {
    const instance = key["instance"] ?? "";
    const pushed = splitFamilies(body);
    const kept = method === "post" ? (groups.get(instance) ?? []) : [];
    groups.set(instance, new Map([...kept, ...pushed]));
  };

  const answer = (request: ScriptedRequest): PushOutcome => {
    requests.push(request);
    readExposition(request.body);
    const fate = fates.shift() ?? "applied";
    const isRejected = rejected.some((name) => request.body.includes(`# TYPE ${name} `));
    if (fate === 500 || fate === 400 || (isRejected && fate !== "refused" && fate !== "lost")) {
      const status = fate === 500 ? 500 : 400;
      return { outcome: "refused", status, detail: `status ${status}` };
    }
    if (fate === "refused") return { outcome: "refused", detail: "connection refused" };
    if (fate === "applied late" || fate === "applied again late") late.push(() => apply(request));
    if (fate !== "lost" && fate !== "applied late") apply(request);
    if (fate === "applied again late") return { outcome: "acknowledged", isAfterReset: true };
    return fate === "applied"
      ? { outcome: "acknowledged" }
      : { outcome: "unanswered", detail: "no answer" };
  };

  const samples = () =>
    new Map(
      [...groups].map(([instance, families]) => {
        const lines = sampleLines([...families.values()].join(""));
        return [instance, new Map([...lines].map(([line, value]) => [line, Number(value)]))];
      }),
    );

  return {
    url,
    requests,
    put: (key, body, { timeoutMs }) =>
      Promise.resolve(answer({ method: "put", key, body, timeoutMs })),
    post: (key, body, { timeoutMs }) =>
      Promise.resolve(answer({ method: "post", key, body, timeoutMs })),
    toRequest: (method, key, body) => ({
      method,
      url: `${url}/${key["instance"]}`,
      headers: {},
      body: Buffer.from(body),
    }),
    script(...next) {
      fates = [...next];
    },
    reject(...families) {
      rejected = families;
    },
    applyLate(ranks = []) {
      const order = late.map((apply, i) => ({ apply, rank: ranks[i] ?? 0 }));
      late = [];
      for (const { apply } of order.sort((a, b) => a.rank - b.rank)) apply();
    },
    samples,
    sum: (series) =>
      [...samples().values()].reduce((all, group) => all + (group.get(series) ?? 0), 0),
  };
}

function splitFamilies(body: string): [name: string, text: string][] {
  return body.split(/^(?=# HELP )/m).map((text) => [/^# HELP (\S+)/.exec(text)?.[1] ?? "", text]);
}
