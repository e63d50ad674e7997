/**
 * The way from an environment to a Pushgateway: pushes are refused, lost, cut, late or unanswered.
 * Keeps the truth about each instance: what it was told arrived, and what may have.
 */

import type { LabelSet } from "../../../lib/metrics/family.ts";
import { CLOSED } from "../../../lib/metrics/push/payload.ts";
import type { PushMethod, PushOutcome, PushTarget } from "../../../lib/metrics/push/push-target.ts";
import type { LastPush } from "../../../lib/metrics/push/pusher.ts";
import { parsePayload, type MemoryPushgateway } from "../memory-pushgateway.ts";
import { countsOf, noCounts, raise, sumOf, COUNTED, type Counts } from "./counts.ts";
import type { Process, World } from "./world.ts";

/** What is known of one environment's instances by the answers to their pushes. */
export interface Truth {
  /** Acknowledged, over all instances: all of it must show. */
  acknowledged(): Counts;
  /** Sent without an answer and not acknowledged since: it may show. */
  doubtful(): Counts;
}

export interface PushLine {
  readonly truth: Truth;
  readonly targets: readonly PushTarget[];
  /** Sends what a dying process says last. @returns whether all of it was acknowledged. */
  sendLast(pushes: readonly LastPush[]): boolean;
}

export interface PushLineOptions {
  readonly process: Process;
  /** The URLs an environment knows, and the Pushgateways behind them. */
  readonly places: ReadonlyMap<string, MemoryPushgateway>;
  /** Pushgateways that refuse the histogram now. */
  readonly rejecting: ReadonlySet<MemoryPushgateway>;
  /** Bodies are cut on their way. */
  readonly hasCuts: boolean;
}

export function openPushLine(world: World, options: PushLineOptions): PushLine {
  const { process, places, rejecting, hasCuts } = options;
  const { random, without } = world;
  const known = new Map<string, { acknowledged: Counts; doubtful: Counts }>();

  const note = (key: LabelSet, body: string, { outcome }: PushOutcome) => {
    const instance = key["instance"] ?? "";
    const counts = known.get(instance) ?? { acknowledged: noCounts(), doubtful: noCounts() };
    known.set(instance, counts);
    const pushed = countsOf(parsePayload(body));
    if (outcome === "acknowledged") raise(counts.acknowledged, pushed);
    if (outcome === "unanswered") raise(counts.doubtful, pushed);
  };

  /** What becomes of a push that has arrived. */
  const decide = (
    gateway: MemoryPushgateway,
    method: PushMethod,
    key: LabelSet,
    body: string,
  ): PushOutcome => {
    const fate = random.next();
    if (fate < 0.1) return { outcome: "refused", detail: "connection refused" };
    if (rejecting.has(gateway) && body.includes("# TYPE simulated_size_bytes ")) {
      return fate < 0.2
        ? { outcome: "unanswered", detail: "the answer was lost" }
        : { outcome: "refused", status: 400, detail: "inconsistent" };
    }
    if (fate < 0.16) return { outcome: "unanswered", detail: "lost" };
    const way = without === "parts by POST" ? "put" : method;
    if (fate < 0.28) {
      world.later(gateway, () => gateway.apply(way, key, body));
      return { outcome: "unanswered", detail: "late" };
    }
    if (hasCuts && fate < 0.32) {
      gateway.apply(way, key, cut(body, random.next()));
      return { outcome: "unanswered", detail: "cut" };
    }
    gateway.apply(way, key, body);
    if (fate < 0.92) return { outcome: "acknowledged" };
    // Its first try was reset, and something between kept it.
    world.later(gateway, () => gateway.apply(way, key, body));
    return { outcome: "acknowledged", isAfterReset: without !== "last word" };
  };

  const push = async (
    method: PushMethod,
    gateway: MemoryPushgateway,
    key: LabelSet,
    text: string,
  ) => {
    // A dead process sends nothing, though the answer it waited for had come.
    if (process.isDead) await new Promise<never>(() => {});
    const body = without === "closing mark" ? text.replace(`${CLOSED} 0`, `${CLOSED} 1`) : text;
    // Its process may die while it is on its way: it arrives all the same, or does not.
    const arriveUnseen = () => {
      note(key, body, { outcome: "unanswered", detail: "the process has died" });
      if (random.chance(0.5)) world.later(gateway, () => gateway.apply(method, key, body));
    };
    await world.travel(process, `${method} arrives`, arriveUnseen);
    const outcome = decide(gateway, method, key, body);
    note(key, body, outcome);
    await world.travel(process, `${method} answered`, () => {});
    if (outcome.outcome === "unanswered" && without === "parking") {
      return { outcome: "refused", detail: "no answer" } as const;
    }
    return outcome;
  };

  return {
    truth: {
      acknowledged: () => sumOf([...known.values()].map((one) => one.acknowledged)),
      doubtful: () => sumOf([...known.values()].map(beyondAcknowledged)),
    },
    targets: [...places].map(([url, gateway]) => ({
      url,
      put: (key, body) => push("put", gateway, key, body),
      post: (key, body) => push("post", gateway, key, body),
      toRequest() {
        throw new Error("nothing is sent over HTTP here");
      },
    })),
    sendLast(pushes) {
      const outcomes = pushes.map(({ target, method, key, body }) => {
        const gateway = places.get(target.url);
        if (gateway === undefined) throw new Error(`no Pushgateway at ${target.url}`);
        const outcome = decide(gateway, method, key, body);
        note(key, body, outcome);
        return outcome;
      });
      return outcomes.every(({ outcome }) => outcome === "acknowledged");
    },
  };
}

function beyondAcknowledged({ acknowledged, doubtful }: Record<string, Counts>): Partial<Counts> {
  const beyond = noCounts();
  for (const name of COUNTED) {
    beyond[name] = Math.max(0, (doubtful?.[name] ?? 0) - (acknowledged?.[name] ?? 0));
  }
  return beyond;
}

/** A body cut at the end of a line, as a Pushgateway before 1.6.0 takes for whole. */
function cut(body: string, where: number): string {
  const lines = body.split("\n").slice(0, -1);
  return lines
    .slice(0, Math.floor(where * lines.length))
    .map((line) => `${line}\n`)
    .join("");
}
