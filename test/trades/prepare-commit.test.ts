import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeIdBlock } from "../../lib/trades/id-block.ts";
import { dayOfTrade, idBlockKey, isCounted, placeInBlock, timeOf } from "../../lib/trades/keys.ts";
import type { Journal } from "../../lib/trades/journal.ts";
import { type CommitOptions, prepareCommit } from "../../lib/trades/prepare-commit.ts";
import type { SymbolState } from "../../lib/trades/symbol-state.ts";
import { fromTradeItem, type Item } from "../../lib/trades/trade-item.ts";
import type { Trade } from "../../lib/trades/trade.ts";
import { tradeOf } from "../support/trades.ts";

const SYMBOL = "BTCUSDT";
const EMPTY: SymbolState = {
  symbol: SYMBOL,
  position: { version: 0, tokens: ["old"], totals: undefined, openBlocks: new Map() },
  blocks: new Map(),
  days: new Map(),
};
const options: CommitOptions = {
  recentDays: { shardsOf: () => Promise.resolve(4) },
  shards: 3,
  ttlDays: 0,
};
const text = (item: Item, name: string) => item[name]?.S ?? "";
const versionOf = (item: Item) => item["v"]?.N;
const isTrade = (item: Item) => text(item, "pk").startsWith("T#");

/** Trades of one symbol with different identities, over some days and exchanges. */
const newTrades = fc
  .uniqueArray(
    fc.record({
      exchange: fc.constantFrom("BINANCE", "COINBASE"),
      trade_id: fc.oneof(fc.nat(600).map(String), fc.constantFrom("a", "b", "1610064000278000")),
      day: fc.integer({ min: 1, max: 3 }),
    }),
    {
      selector: ({ exchange, trade_id }) => `${exchange}#${trade_id}`,
      minLength: 1,
      maxLength: 40,
    },
  )
  .map((rows) =>
    rows.map(({ day, ...row }) =>
      tradeOf({ ...row, symbol: SYMBOL, timestamp: `2021-01-0${day}T00:00:00Z` }),
    ),
  );

const itemsOf = ({ immutable, blocks, days, symbol }: Journal) => [
  ...immutable,
  ...blocks,
  ...days,
  symbol,
];

describe("a commit", () => {
  it("writes each trade, its id, its day and the symbol, each item once", async () => {
    await fc.assert(
      fc.asyncProperty(newTrades, async (trades) => {
        const { journal, next } = await prepareCommit(EMPTY, trades, options);
        const keys = itemsOf(journal).map((item) => `${text(item, "pk")} ${text(item, "sk")}`);
        expect(new Set(keys).size).toBe(keys.length);
        const recorded = journal.immutable.filter(isTrade).map(fromTradeItem);
        expect(recorded).toEqual(
          trades.map((trade, at) => ({ ...trade, platform_sequence: String(at + 1) })),
        );
        expect(idsOf([journal], next)).toEqual(timesOf(trades));
        const days = new Set(trades.map(dayOfTrade));
        expect(new Set(journal.days.map((item) => text(item, "sk")))).toEqual(days);
        expect(journal.symbol["n"]).toEqual({ N: String(trades.length) });
      }),
    );
  });

  it("gives its version to what may change, and to nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(newTrades, fc.nat(1_000), async (trades, version) => {
        const state = { ...EMPTY, position: { ...EMPTY.position, version } };
        const { journal, next } = await prepareCommit(state, trades, options);
        const { immutable, blocks, days, symbol } = journal;
        for (const item of [...blocks, ...days, symbol])
          expect(versionOf(item)).toBe(String(version + 1));
        for (const item of immutable) expect(versionOf(item)).toBeUndefined();
        // Ids that share a block are never among what can't change.
        const counted = trades.filter(({ trade_id }) => isCounted(trade_id)).map(idBlockKey);
        const shared = [
          ...blocks.map((item) => text(item, "pk")),
          ...next.position.openBlocks.keys(),
        ];
        expect(shared.sort()).toEqual([...new Set(counted.map(({ pk }) => pk))].sort());
      }),
    );
  });

  it("of the same trades in several pieces ends in the same state", async () => {
    await fc.assert(
      fc.asyncProperty(newTrades, fc.nat(), async (trades, cut) => {
        const at = 1 + (cut % trades.length);
        const whole = await prepareCommit(EMPTY, trades, options);
        const first = await prepareCommit(EMPTY, trades.slice(0, at), options);
        if (at === trades.length) return;
        const second = await prepareCommit(first.next, trades.slice(at), options);
        expect(second.next.blocks).toEqual(whole.next.blocks);
        expect(second.next.days).toEqual(whole.next.days);
        const { openBlocks } = second.next.position;
        expect(second.next.position).toEqual({ ...whole.next.position, version: 2, openBlocks });
        expect(idsOf([first.journal, second.journal], second.next)).toEqual(timesOf(trades));
        const sequences = (journal: Journal) =>
          journal.immutable.filter(isTrade).map((item) => item["n"]?.N);
        expect([...sequences(first.journal), ...sequences(second.journal)]).toEqual(
          sequences(whole.journal),
        );
      }),
    );
  });

  it("puts a day's trades into the shards that the day began with", async () => {
    const [early, late] = ["1", "2"].map((trade_id) => tradeOf({ trade_id, symbol: SYMBOL }));
    const first = await prepareCommit(EMPTY, [early!], { ...options, shards: 1 });
    const second = await prepareCommit(first.next, [late!], { ...options, shards: 64 });
    const partitions = [first, second].flatMap(({ journal }) =>
      journal.immutable.map((item) => text(item, "pk")),
    );
    expect(partitions).toEqual(["T#BTCUSDT#20210108#0", "T#BTCUSDT#20210108#0"]);
  });

  it("asks for a day's place in the feed once, with the expiry of its last trade", async () => {
    const asked: [string, number | undefined][] = [];
    const trades = ["2025-11-23T00:00:00Z", "2025-11-25T00:00:00Z", "2025-11-24T00:00:00Z"].map(
      (ingestion_timestamp, index) => tradeOf({ ingestion_timestamp, trade_id: String(index) }),
    );
    const recentDays = {
      shardsOf: async (day: string, expiry: number | undefined) => {
        asked.push([day, expiry]);
        return 1;
      },
    };
    const { journal } = await prepareCommit(EMPTY, trades, { recentDays, shards: 1, ttlDays: 1 });
    const last = Date.UTC(2025, 10, 26) / 1_000;
    expect(asked).toEqual([["20210108", last]]);
    expect(journal.days.map((item) => item["e"])).toEqual([{ N: String(last) }]);
    expect(journal.immutable.map((item) => item["ttl"]?.N)).toEqual(
      [last - 172_800, last, last - 86_400].map(String),
    );
  });
});

/** Each identity's time, as its block has it: in the head, or as the last journal wrote it. */
function idsOf(journals: readonly Journal[], { position }: SymbolState): Map<string, string> {
  const written = journals
    .flatMap(({ immutable, blocks }) => [...immutable.filter((one) => !isTrade(one)), ...blocks])
    .map((item) => [text(item, "pk"), decodeIdBlock(item["b"]?.B ?? new Uint8Array())] as const);
  const blocks = [...new Map([...written, ...position.openBlocks])];
  return new Map(
    blocks.flatMap(([pk, block]) => [...block].map(([place, time]) => [`${pk} ${place}`, time])),
  );
}

function timesOf(trades: readonly Trade[]): Map<string, string> {
  return new Map(
    trades.map((trade) => [
      `${idBlockKey(trade).pk} ${placeInBlock(trade.trade_id)}`,
      timeOf(trade),
    ]),
  );
}
