/**
 * The folder's Pushgateway has another port at each start, and the ledger knows a Pushgateway by its
 * URL: what it says of an earlier one is moved to the one of today, or a page would wait for a
 * Pushgateway that is no more.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Ledger, PushgatewayState } from "../lib/metrics/retire/ledger.ts";

export interface FollowOptions {
  readonly ledger: Ledger;
  /** Where the ledger is: the same for the same data, whatever port it has today. */
  readonly database: string;
  /** Of the Pushgateway, as the ledger writes it. */
  readonly url: string;
  /** Where its URLs are noted. */
  readonly notePath: string;
}

/** By database, the URLs under which its ledger may know the folder's Pushgateway. */
type Note = Readonly<Record<string, readonly string[]>>;

/** Each one that is lost was lost to a run of the retirement, which comes once a minute. */
const MAX_ATTEMPTS = 5;

/**
 * Tells the ledger where the Pushgateway is now.
 * @throws {ServiceError} `READ_FAILED` when the ledger can't be read or written.
 * @throws {Error} when `MAX_ATTEMPTS` writes in turn were lost to other writers.
 */
export async function followPushgateway(options: FollowOptions): Promise<void> {
  const { ledger, database, url, notePath } = options;
  const note = readNote(notePath);
  const urls = [...new Set([...(note[database] ?? []), url])];
  // Noted before: the next start has to know of this URL though this one ends here.
  writeNote(notePath, { ...note, [database]: urls });
  await moveStates(ledger, urls, url);
  writeNote(notePath, { ...note, [database]: [url] });
}

/** @param urls all that have been the one Pushgateway's. */
async function moveStates(ledger: Ledger, urls: readonly string[], url: string): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const base = await ledger.readBase();
    const states = base.pushgateways.filter((state) => urls.includes(state.url));
    if (states.every((state) => state.url === url)) return;
    const others = base.pushgateways.filter((state) => !urls.includes(state.url));
    const pushgateways = [...others, { ...states.reduce(join), url }];
    if (await ledger.writeBase({ ...base, version: base.version + 1, pushgateways })) return;
  }
  throw new Error(
    `the ledger changed ${MAX_ATTEMPTS} times while the Pushgateway's URL was written`,
  );
}

/** What two states say of one Pushgateway: its groups are the same, so each fold holds for both. */
function join(one: PushgatewayState, other: PushgatewayState): PushgatewayState {
  const [behind, ahead] = one.horizonSeconds < other.horizonSeconds ? [one, other] : [other, one];
  return {
    ...ahead,
    heldUntilSeconds: Math.max(one.heldUntilSeconds, other.heldUntilSeconds),
    vacantSinceSeconds: undefined,
    leftAtSeconds: undefined,
    tombstones: { ...behind.tombstones, ...ahead.tombstones },
  };
}

function readNote(path: string): Note {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Note;
  } catch {
    return {};
  }
}

function writeNote(path: string, note: Note): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(note)}\n`);
}
