/**
 * What a commit writes, as one compressed block in the head of the symbol's log: whoever reads it
 * can finish the work of a writer that stopped half-way.
 */

import { gunzip, gzip } from "node:zlib";
import { promisify } from "../builtin.ts";
import type { Item } from "./trade-item.ts";

/** All items of one commit, complete. All but the immutable ones carry the symbol's version. */
export interface Journal {
  /** Items that never change once written: trades, and ids that are no counter's. */
  readonly immutable: readonly Item[];
  /** Blocks of ids. */
  readonly blocks: readonly Item[];
  /** Totals of days. */
  readonly days: readonly Item[];
  readonly symbol: Item;
}

const FAST = { level: 1 };

export async function encodeJournal(journal: Journal): Promise<Uint8Array> {
  const json = JSON.stringify({
    ...journal,
    immutable: journal.immutable.map(toJson),
    blocks: journal.blocks.map(toJson),
  });
  return promisify(gzip)(json, FAST);
}

export async function decodeJournal(bytes: Uint8Array): Promise<Journal> {
  const json = (await promisify(gunzip)(bytes)).toString();
  const { immutable, blocks, ...totals } = JSON.parse(json) as Journal;
  return { ...totals, immutable: immutable.map(fromJson), blocks: blocks.map(fromJson) };
}

/** The one binary attribute, an id block's `b`, is base64 in JSON, as DynamoDB itself has it. */
function toJson(item: Item): object {
  const bytes = item["b"]?.B;
  return bytes === undefined ? item : { ...item, b: { B: Buffer.from(bytes).toString("base64") } };
}

function fromJson(item: Item): Item {
  const base64 = item["b"]?.B as unknown;
  return typeof base64 === "string" ? { ...item, b: { B: Buffer.from(base64, "base64") } } : item;
}
