/**
 * One partition of one day as a stream of trades, newest first, read only as far as it is needed.
 */

import { justBelow, RECENT_INDEX } from "./keys.ts";
import type { Table } from "./table.ts";
import type { Day } from "./timestamp.ts";
import { type Item, text } from "./trade-item.ts";

export interface LaneOptions {
  readonly day: Day;
  readonly partition: string;
  /** True for a partition of the index over all symbols, which is not strongly consistent. */
  readonly isRecent: boolean;
  /** Lowest sort key, inclusive. */
  readonly lowest: string;
  /** Sort key or time below which the lane begins. */
  readonly below: string;
  readonly exchange: string | undefined;
}

export interface Lane {
  readonly day: Day;
  /** Trades that were read and not yet taken, newest first. */
  readonly waiting: Item[];
  /** Nothing that is not yet taken sorts above it; undefined: nothing is left. */
  bound(): string | undefined;
  /** Reads on by at most `count` trades, before the filter; resolves with how many it looked at. */
  read(count: number): Promise<number>;
}

/** Opens a lane; nothing is read before the first `read`. */
export function openLane(table: Table, options: LaneOptions): Lane {
  const waiting: Item[] = [];
  let below: string | undefined = options.below;
  return {
    day: options.day,
    waiting,
    bound: () => (waiting[0] === undefined ? below : text(waiting[0]["sk"])),
    read: async (count) => {
      const { items, scanned, lastSortKey } = await table.query({
        ...toQuery(options, below ?? options.lowest),
        Limit: count,
      });
      waiting.push(...items);
      below = lastSortKey;
      return scanned;
    },
  };
}

function toQuery({ partition, isRecent, lowest, exchange }: LaneOptions, below: string) {
  return {
    ...(isRecent ? { IndexName: RECENT_INDEX } : { ConsistentRead: true }),
    KeyConditionExpression: `${isRecent ? "gpk" : "pk"} = :pk AND sk BETWEEN :low AND :high`,
    ...(exchange === undefined ? {} : { FilterExpression: "x = :exchange" }),
    ExpressionAttributeValues: {
      ":pk": { S: partition },
      ":low": { S: lowest },
      ":high": { S: justBelow(below) },
      ...(exchange === undefined ? {} : { ":exchange": { S: exchange } }),
    },
    ScanIndexForward: false,
  };
}
