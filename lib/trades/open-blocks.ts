/**
 * Blocks of ids that the head of a symbol's log holds itself: those the last commit added to, since
 * the next one most likely does, too. There they cost neither a write nor a read of their own. A
 * block becomes an item when it is full, or a commit passes it by.
 */

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { decodeIdBlock, encodeIdBlock, type IdBlock } from "./id-block.ts";
import { IDS_PER_BLOCK } from "./keys.ts";

/** By partition key. */
export type IdBlocks = ReadonlyMap<string, IdBlock>;

/** So many take at most 22 KB of the head, where a block's times jump about; most often 1 KB each. */
const MAX_OPEN_BLOCKS = 8;

/**
 * Divides the blocks that are open after a commit from those that it has to write.
 * @param before those open before it.
 * @param changed those it adds ids to, complete; the last of them are the likeliest to go on.
 */
export function closeBlocks(
  before: IdBlocks,
  changed: IdBlocks,
): { readonly open: IdBlocks; readonly closed: IdBlocks } {
  const unfilled = [...changed].filter(([, block]) => block.size < IDS_PER_BLOCK);
  const open = new Map(unfilled.slice(-MAX_OPEN_BLOCKS));
  const closed = [...before, ...changed].filter(([pk]) => !open.has(pk));
  return { open, closed: new Map(closed) };
}

export function toOpenBlocks(blocks: IdBlocks): AttributeValue {
  return {
    M: Object.fromEntries([...blocks].map(([pk, block]) => [pk, { B: encodeIdBlock(block) }])),
  };
}

/** @param value undefined: none is open. */
export function fromOpenBlocks(value: AttributeValue | undefined): IdBlocks {
  return new Map(
    Object.entries(value?.M ?? {}).map(([pk, { B }]) => [pk, decodeIdBlock(B ?? new Uint8Array())]),
  );
}
