/** A Pushgateway that is restarted now and then, and what is left of its groups each time. */

import { globSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  installed,
  pushgatewayKinds,
  realKind,
  type PushgatewayKind,
  type TestPushgateway,
} from "../support/pushgateway.ts";
import type { RestartSignal } from "./delivered.ts";
import { readSumsByInstance, type Sums } from "./sums.ts";

export interface PushgatewayLife {
  /** Where it is now, or was before it went down: each restart gives it another port. */
  readonly url: string;
  /** Its own page; nothing while it is down. */
  readPage(): Promise<string | undefined>;
  /** Ends it and starts it again; it takes no push before `onRestarted` has returned. */
  restart(signal: RestartSignal): Promise<void>;
  close(): Promise<void>;
}

export interface PushgatewayLifeOptions {
  readonly kind: PushgatewayKind;
  /** Where it keeps its groups; made if it isn't there. */
  readonly folder: string;
  /** Told what each of its groups holds after a restart, by instance. */
  readonly onRestarted: (signal: RestartSignal, groups: ReadonlyMap<string, Sums>) => void;
}

const CACHE = join(import.meta.dirname, "../../.ci/cache");

/** The newest Pushgateway there is on this machine; none that takes a part of a body for the whole, if there is another. */
export function findPushgateway(): PushgatewayKind | undefined {
  const cached = globSync(join(CACHE, "pushgateway-*/pushgateway")).map(realKind);
  const own = installed === undefined ? [] : [realKind(installed)];
  const real = pushgatewayKinds.filter(({ name }) => name !== "embedded");
  const all = [...cached, ...real, ...own];
  return all.find(({ isOld }) => !isOld) ?? all[0];
}

export async function startPushgatewayLife(
  options: PushgatewayLifeOptions,
): Promise<PushgatewayLife> {
  const { kind, folder, onRestarted } = options;
  mkdirSync(folder, { recursive: true });
  const start = () =>
    kind.start({ persistencePath: join(folder, "groups"), persistenceInterval: "1s" });
  let current = await start();
  let restarting: Promise<void> = Promise.resolve();

  const end = (signal: RestartSignal) =>
    signal === "SIGKILL" && current.kill !== undefined ? current.kill() : current.close();

  const restartNow = async (signal: RestartSignal) => {
    await end(signal);
    const next = await start();
    const page = await readPageOf(next);
    if (page === undefined) throw new Error(`${next.url}: expected a page after the restart`);
    onRestarted(signal, readSumsByInstance(page));
    current = next;
  };
  return {
    get url() {
      return current.url;
    },
    readPage: () => readPageOf(current),
    restart: (signal) => (restarting = restarting.then(() => restartNow(signal))),
    async close() {
      await restarting;
      await current.close();
    },
  };
}

/** However slow the machine is, a Pushgateway that lives has a page by then. */
const PAGE_TIMEOUT_MS = 60_000;

async function readPageOf({ url }: TestPushgateway): Promise<string | undefined> {
  try {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(PAGE_TIMEOUT_MS) });
    return answer.ok ? await answer.text() : undefined;
  } catch {
    return undefined;
  }
}
