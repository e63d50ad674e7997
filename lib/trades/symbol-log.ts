/**
 * A symbol's redo log, one commit deep. A commit is one conditional write of the log's head, which
 * carries everything the commit means to write; then that is applied. Whoever finds a head that is
 * not yet applied applies it, so a writer may stop anywhere. Applying twice, or late, changes
 * nothing: trades never change, and every other item is written only over a lower version.
 */

import { randomBytes } from "node:crypto";
import { ServiceError } from "../errors.ts";
import { headKey, symbolKey } from "./keys.ts";
import { decodeJournal, type Journal } from "./journal.ts";
import { fromOpenBlocks, type IdBlocks, toOpenBlocks } from "./open-blocks.ts";
import { forEachParallel } from "./parallel.ts";
import { fromSymbolItem, type SymbolTotals } from "./symbol-totals.ts";
import type { Pause, Table } from "./table.ts";
import { type Item, number, text } from "./trade-item.ts";

/** Where a symbol's log stands: everything up to `version` is applied. */
export interface LogPosition {
  /** 0 before the first commit. */
  readonly version: number;
  /** Tokens of the last commits, newest first. */
  readonly tokens: readonly string[];
  /** Undefined before the first commit. */
  readonly totals: SymbolTotals | undefined;
  /** Blocks of ids that are newer than their items, or have none yet. */
  readonly openBlocks: IdBlocks;
}

/** Everything of head and symbol but the journal. */
const POSITION_ATTRIBUTES = ["pk", "sk", "v", "t", "ib", "x", "f", "l", "n"];

/** As many as the table sends at a time, or more. */
const MAX_PARALLEL = 32;
const MAX_TOKENS = 8;
/** How often, and for about how long, a commit that is not applied is left to its own writer. */
const PATIENCE = 3;
const PATIENCE_MS = 30;
const MAX_READS = 20;

/**
 * Reads where the log stands, after applying what was committed but not applied. What is read from
 * the table after this is at least as new as the position.
 * @throws {ServiceError} `UNAVAILABLE` when other writers keep it from standing still.
 */
export async function readPosition(
  table: Table,
  symbol: string,
  pause: Pause,
): Promise<LogPosition> {
  for (let reads = 1; reads <= MAX_READS; reads++) {
    const { head, position, applied } = await readOnce(table, symbol);
    if (head === applied) return position;
    if (head < applied) continue;
    if (reads <= PATIENCE) await pause(PATIENCE_MS * (0.5 + Math.random()));
    else await applyHead(table, symbol);
  }
  throw busy(symbol);
}

/**
 * Commits a journal on top of a position. After `true` it will be applied by somebody, whatever
 * happens to this writer; apply it now.
 * @returns false when another writer committed first, so that the position is out of date.
 */
export async function commitJournal(
  table: Table,
  options: {
    readonly symbol: string;
    readonly position: LogPosition;
    readonly journal: Uint8Array;
    /** Those that are open from now on. */
    readonly openBlocks: IdBlocks;
  },
): Promise<{ readonly isCommitted: boolean; readonly tokens: readonly string[] }> {
  const { symbol, position, journal, openBlocks } = options;
  const token = randomBytes(9).toString("base64url");
  const tokens = [token, ...position.tokens].slice(0, MAX_TOKENS);
  const version = position.version + 1;
  const { pk, sk } = headKey(symbol);
  const head: Item = {
    pk: { S: pk },
    sk: { S: sk },
    v: { N: String(version) },
    t: { S: tokens.join() },
    ib: toOpenBlocks(openBlocks),
    j: { B: journal },
  };
  const isCommitted =
    (await table.put(head, onVersion(position.version))) ||
    (await wasCommitted(table, { symbol, version, token }));
  return { isCommitted, tokens };
}

/**
 * Writes what a commit said: trades before totals, so that no total shows what no list does, and the
 * symbol last, which says that all is applied. Blocks are only for writers, who read the symbol first.
 */
export async function applyJournal(table: Table, journal: Journal): Promise<void> {
  const { immutable, blocks, days, symbol } = journal;
  const works = [() => table.batchPut(immutable), () => putAllNewer(table, blocks)];
  await forEachParallel(works, works.length, (work) => work());
  await putAllNewer(table, days);
  await putNewer(table, symbol);
}

/** The symbol could not be written since others write it all the time. */
export function busy(symbol: string): ServiceError {
  return new ServiceError("UNAVAILABLE", `too many writers of ${symbol} at once`, {
    retryAfterSeconds: 1,
  });
}

async function readOnce(table: Table, symbol: string) {
  const keys = [headKey(symbol), symbolKey(symbol)];
  const items = await table.batchGet(keys, POSITION_ATTRIBUTES);
  const head = items.find((item) => item["pk"]?.S === keys[0]?.pk);
  const totals = items.find((item) => item["pk"]?.S === keys[1]?.pk);
  const version = Number(number(head?.["v"]));
  return {
    head: version,
    applied: Number(number(totals?.["v"])),
    position: {
      version,
      tokens: tokensOf(head),
      totals: totals === undefined ? undefined : fromSymbolItem(totals),
      openBlocks: fromOpenBlocks(head?.["ib"]),
    },
  };
}

async function applyHead(table: Table, symbol: string): Promise<void> {
  const journal = (await table.get(headKey(symbol)))?.["j"]?.B;
  if (journal !== undefined) await applyJournal(table, decodeJournal(journal));
}

function onVersion(version: number) {
  return version === 0
    ? { ConditionExpression: "attribute_not_exists(v)" }
    : {
        ConditionExpression: "v = :v",
        ExpressionAttributeValues: { ":v": { N: String(version) } },
      };
}

/**
 * The client sends again what had no answer, so a condition may fail because our own first try
 * succeeded. The tokens tell, also when others have committed since.
 */
async function wasCommitted(
  table: Table,
  commit: { readonly symbol: string; readonly version: number; readonly token: string },
): Promise<boolean> {
  const [head] = await table.batchGet([headKey(commit.symbol)], POSITION_ATTRIBUTES);
  const commitsSince = Number(number(head?.["v"])) - commit.version;
  return tokensOf(head)[commitsSince] === commit.token;
}

function tokensOf(head: Item | undefined): string[] {
  return text(head?.["t"])
    .split(",")
    .filter((token) => token !== "");
}

async function putAllNewer(table: Table, items: readonly Item[]): Promise<void> {
  await forEachParallel(items, MAX_PARALLEL, (item) => putNewer(table, item));
}

/** A condition that does not hold means that somebody has applied this already, or more. */
async function putNewer(table: Table, item: Item): Promise<void> {
  await table.put(item, {
    ConditionExpression: "attribute_not_exists(v) OR v < :v",
    ExpressionAttributeValues: { ":v": { N: number(item["v"]) } },
  });
}
