/**
 * How trades are laid out in the table.
 */

import * as v from "valibot";
import { list, matching, wholeNumber } from "./values.ts";

const shards = v.pipe(
  list(
    matching(
      /^[A-Z0-9][A-Z0-9._/-]{0,31}=([1-9]|[1-5]\d|6[0-4])$/,
      "SYMBOL=SHARDS with 1 to 64 shards",
    ),
  ),
  v.transform((parts) => new Map(parts.map((part) => splitShards(part)))),
);

export const tradesConfig = v.pipe(
  v.object({
    TRADE_TTL_DAYS: wholeNumber(0, 36_500, 0),
    TRADE_SHARDS: v.optional(shards, ""),
    RECENT_SHARDS: wholeNumber(1, 64, 4),
  }),
  v.transform((env) => ({
    ttlDays: env.TRADE_TTL_DAYS,
    shards: env.TRADE_SHARDS,
    recentShards: env.RECENT_SHARDS,
  })),
);

function splitShards(part: string): [symbol: string, shards: number] {
  const [symbol = "", shards = "1"] = part.split("=");
  return [symbol, Number(shards)];
}
