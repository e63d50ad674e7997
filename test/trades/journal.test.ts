import { expect, it } from "vitest";
import { encodeIdBlock } from "../../lib/trades/id-block.ts";
import { decodeJournal, encodeJournal } from "../../lib/trades/journal.ts";
import { toTradeItem } from "../../lib/trades/trade-item.ts";
import { tradeOf, tradeRun } from "../support/trades.ts";

const options = { platformSequence: 1, shards: 1, recentShards: 1, expiry: 1 };

it("says what was written into it, binary attributes too", async () => {
  const bytes = encodeIdBlock(new Map([[3, "1610064000278000"]]));
  const trade = tradeOf({ vendor_data: { b: "€" }, trade_conditions: ["A"] });
  const journal = {
    immutable: [toTradeItem(trade, options), { pk: { S: "I" }, sk: { S: "~a" }, b: { B: bytes } }],
    blocks: [{ pk: { S: "I" }, sk: { S: "1" }, b: { B: bytes }, v: { N: "3" } }],
    days: [{ pk: { S: "D" }, sk: { S: "20210108" }, x: { SS: ["BINANCE"] } }],
    symbol: { pk: { S: "S" }, sk: { S: "BTCUSDT" }, n: { N: "1" } },
  };
  const decoded = decodeJournal(encodeJournal(journal));
  expect(decoded.immutable[0]).toEqual(journal.immutable[0]);
  expect(decoded.blocks[0]).toMatchObject({ pk: { S: "I" }, sk: { S: "1" }, v: { N: "3" } });
  expect(decoded).toMatchObject({ days: journal.days, symbol: journal.symbol });
  for (const item of [decoded.immutable[1], decoded.blocks[0]])
    expect(Uint8Array.from(item?.["b"]?.B ?? [])).toEqual(bytes);
});

it("takes a tenth of the trades' own size", async () => {
  const immutable = tradeRun({ symbol: "BTCUSDT", count: 1_000 }).map((trade) =>
    toTradeItem(trade, options),
  );
  const encoded = encodeJournal({ immutable, blocks: [], days: [], symbol: {} });
  expect(encoded.byteLength).toBeLessThan(JSON.stringify(immutable).length / 8);
});
