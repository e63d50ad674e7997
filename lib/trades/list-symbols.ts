/**
 * All symbols, from the few partitions they are spread over.
 */

import { SYMBOLS_PARTITIONS } from "./keys.ts";
import { type SymbolInfo, toSymbolInfo } from "./symbol-totals.ts";
import { forEachParallel } from "./parallel.ts";
import type { Table } from "./table.ts";

/** Sorts below every symbol; a key can't be empty. */
const BEFORE_ALL = " ";

/** Lists all symbols in alphabetical order. Not strongly consistent, for half the price. */
export async function listSymbols(table: Table): Promise<SymbolInfo[]> {
  const symbols: SymbolInfo[] = [];
  await forEachParallel(SYMBOLS_PARTITIONS, SYMBOLS_PARTITIONS.length, async (partition) => {
    let after: string | undefined = BEFORE_ALL;
    while (after !== undefined) {
      const page = await table.query({
        KeyConditionExpression: "pk = :pk AND sk > :after",
        ExpressionAttributeValues: { ":pk": { S: partition }, ":after": { S: after } },
      });
      symbols.push(...page.items.map(toSymbolInfo));
      after = page.lastSortKey;
    }
  });
  return symbols.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}
