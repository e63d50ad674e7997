/**
 * The way from an environment to its Pushgateways: pushes are refused, lost, cut, late or unanswered.
 * Keeps the truth about each instance: what has arrived for certain, and what may have.
 */

import type { LabelSet } from "../../../lib/metrics/family.ts";
import { CLOSED } from "../../../lib/metrics/push/payload.ts";
import type {
  PushMethod,
  PushOutcome,
  PushRequest,
  PushTarget,
} from "../../../lib/metrics/push/push-target.ts";
import { parsePayload, type MemoryPushgateway } from "../memory-pushgateway.ts";
import { add, amountsOf, raise, type Amounts } from "./amounts.ts";
import { isLeftOut } from "./left-out.ts";
import { forEver, type Process, type World } from "./world.ts";

export interface PushLine {
  readonly targets: readonly PushTarget[];
  /** Acknowledged, over all instances: all of it must show. */
  acknowledged(): Amounts;
  /** The same, and what was sent without an answer: more can't be expected to show. */
  accounted(): Amounts;
}

export interface PushLineOptions {
  readonly process: Process;
  /** The URLs an environment knows, and the Pushgateways behind them. */
  readonly places: ReadonlyMap<string, MemoryPushgateway>;
  /** Pushgateways that refuse the histogram now. */
  readonly rejecting: ReadonlySet<MemoryPushgateway>;
}

/** A request for a worker thread; this one is sent here. */
interface SimulatedRequest extends PushRequest {
  /** @returns the status. */
  send(): number;
}

/** Sends what an environment says when its process ends, as a worker thread does. */
export function sendNow(requests: readonly PushRequest[]): number[] {
  return requests.map((request) => (request as SimulatedRequest).send());
}

export function openPushLine(world: World, options: PushLineOptions): PushLine {
  const { process, places, rejecting } = options;
  const known = new Map<string, { acknowledged: Amounts; accounted: Amounts }>();
  let pushes = 0;

  const note = (key: LabelSet, body: string, { outcome }: PushOutcome) => {
    if (outcome === "refused") return;
    const instance = key["instance"] ?? "";
    const amounts = known.get(instance) ?? { acknowledged: new Map(), accounted: new Map() };
    known.set(instance, amounts);
    const pushed = amountsOf(parsePayload(body), key);
    raise(amounts.accounted, pushed);
    if (outcome === "acknowledged") raise(amounts.acknowledged, pushed);
  };

  /** What becomes of a push that has come so far. */
  const arrive = (
    gateway: MemoryPushgateway,
    asked: PushMethod,
    key: LabelSet,
    body: string,
  ): PushOutcome => {
    const fate = process.fates.shift() ?? "arrives";
    const method = isLeftOut("parts by POST") ? "put" : asked;
    const apply = (text = body) => gateway.apply(method, key, text);
    const applyLate = () => void world.dawdle(`${method} arrives late`).then(() => apply());
    const isRejected =
      rejecting.has(gateway) && body.includes("# TYPE simulated_size_bytes ") && fate !== "refused";
    if (isRejected) {
      gateway.refuse(key);
      return fate === "arrives"
        ? { outcome: "refused", status: 400, detail: "inconsistent" }
        : { outcome: "unanswered", detail: "the answer was lost" };
    }
    switch (fate) {
      case "arrives":
        apply();
        return { outcome: "acknowledged" };
      case "refused":
        return { outcome: "refused", detail: "connection refused" };
      case "lost":
        return { outcome: "unanswered", detail: "lost" };
      case "late":
        applyLate();
        return { outcome: "unanswered", detail: "late" };
      case "cut":
        apply(cut(body));
        return { outcome: "unanswered", detail: "cut" };
      case "resent":
        // Its first try was reset, and something between kept it.
        applyLate();
        apply();
        return { outcome: "acknowledged", isAfterReset: !isLeftOut("last word") };
    }
    return fate satisfies never;
  };

  const push = async (
    method: PushMethod,
    gateway: MemoryPushgateway,
    key: LabelSet,
    text: string,
    timeoutMs: number,
  ): Promise<PushOutcome> => {
    // A dead process sends nothing, though the answer it waited for had come.
    if (process.isDead) await forEver();
    const body = abridge(
      isLeftOut("closing mark") ? text.replace(`${CLOSED} 0`, `${CLOSED} 1`) : text,
    );
    await world.travel(`${method} arrives`, timeoutMs / 2);
    const outcome = arrive(gateway, method, key, body);
    note(key, body, outcome);
    await world.travel(`${method} answered`, timeoutMs / 2);
    if (process.isDead) await forEver();
    if (outcome.outcome === "unanswered" && isLeftOut("parking")) {
      return { outcome: "refused", detail: "no answer" };
    }
    return outcome;
  };

  const sum = (which: "acknowledged" | "accounted") => {
    const amounts: Amounts = new Map();
    for (const one of known.values()) add(amounts, one[which]);
    return amounts;
  };
  const all = [...places.values()];
  const placeOf = (gateway: MemoryPushgateway) =>
    isLeftOut("one Pushgateway an incarnation")
      ? (all[(pushes += 1) % all.length] ?? gateway)
      : gateway;

  return {
    acknowledged: () => sum("acknowledged"),
    accounted: () => sum("accounted"),
    targets: [...places].map(([url, gateway]) => ({
      url,
      put: (key, body, { timeoutMs }) => push("put", placeOf(gateway), key, body, timeoutMs),
      post: (key, body, { timeoutMs }) => push("post", placeOf(gateway), key, body, timeoutMs),
      toRequest: (method, key, text): SimulatedRequest => ({
        method,
        url,
        headers: {},
        body: Buffer.from(text),
        send() {
          const body = abridge(text);
          const outcome = arrive(gateway, method, key, body);
          note(key, body, outcome);
          return outcome.outcome === "acknowledged" ? 202 : 0;
        },
      }),
    })),
  };
}

/**
 * A body without most of the families that every environment has of itself: they say nothing that the
 * simulated ones don't, and would be most of the work.
 */
function abridge(body: string): string {
  const families = body.split(/^(?=# HELP )/m);
  return families.filter((text) => KEPT.test(text)).join("");
}

const KEPT = /^# HELP (simulated_|metrics_pushes_|metrics_closed|metrics_payload_)/;

/** A body cut at the end of some line, as a Pushgateway before 1.6.0 takes for whole. */
function cut(body: string): string {
  const lines = body.split(/^/m);
  return lines.slice(0, body.length % lines.length).join("");
}
