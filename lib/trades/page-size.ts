/**
 * How many trades fit into one answer. A page of trades with as much vendor data as they may have
 * would be more than Lambda takes.
 */

import type { RecordedTrade } from "./trade.ts";

/** Lambda takes 6 MB, of which this leaves a part for what else the answer has. */
const MAX_BYTES = 5_500_000;
/** Most that a trade takes without conditions and vendor data. */
const PLAIN_BYTES = 1_200;

/**
 * How many of these trades, from the first on, one answer holds; at least one, unless there is none.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export function countThatFit(trades: readonly RecordedTrade[]): number {
  let bytes = 0;
  const tooMany = trades.findIndex((trade) => (bytes += bytesOf(trade)) > MAX_BYTES);
  return tooMany === -1 ? trades.length : Math.max(1, tooMany);
}

/** An upper bound. The body travels as text inside JSON, so its quotes are escaped once more. */
function bytesOf({ trade_conditions, vendor_data }: RecordedTrade): number {
  const extras = [...trade_conditions, ...Object.entries(vendor_data).flat()];
  if (extras.length === 0) return PLAIN_BYTES;
  return PLAIN_BYTES + Buffer.byteLength(JSON.stringify(JSON.stringify(extras)));
}
