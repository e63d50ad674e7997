import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  currencyOfSymbol,
  formatBinanceLine,
  parseBinanceLine,
  symbolOfFileName,
} from "../../local/binance.ts";
import { makeSampleTrades } from "../../local/sample-trades.ts";
import { parseTimestamp } from "../../lib/trades/timestamp.ts";

const context = {
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  currency: "USDT",
  now: 1_610_064_000_000_000,
};

const parse = (line: string, lineNumber = 2) => parseBinanceLine(line, lineNumber, context);

describe("a line of a trades dump", () => {
  it("becomes a trade, digit by digit", () => {
    expect(
      parse("553287559,39432.48000000,0.00026300,10.37074224,1610064000278,True,True"),
    ).toEqual({
      trade: {
        message_id: expect.any(String),
        trade_id: "553287559",
        symbol: "BTCUSDT",
        exchange: "BINANCE",
        asset_class: "CRYPTO",
        timestamp: "2021-01-08T00:00:00.278000Z",
        price: "39432.48000000",
        quantity: "0.00026300",
        currency: "USDT",
        side: "SELL",
        trade_conditions: [],
        source_sequence: "553287559",
        ingestion_timestamp: "2021-01-08T00:00:00.000000Z",
        vendor_data: {},
      },
    });
  });

  it.each([
    ["the buyer was the maker: the taker sold", "1,2,3,6,1610064000278,True,True", "side", "SELL"],
    [
      "the seller was the maker: the taker bought",
      "1,2,3,6,1610064000278,False,True",
      "side",
      "BUY",
    ],
    ["futures write it small and have six columns", "1,2,3,6,1610064000278,true", "side", "SELL"],
    ["milliseconds", "1,2,3,6,1735689600010,True,True", "timestamp", "2025-01-01T00:00:00.010000Z"],
    [
      "microseconds",
      "1,2,3,6,1735689600010866,True,True",
      "timestamp",
      "2025-01-01T00:00:00.010866Z",
    ],
    [
      "more digits than a float holds",
      "1,9999999999.99999999,1,1,1610064000278,True,True",
      "price",
      "9999999999.99999999",
    ],
  ] as const)("%s", (_fact, line, field, value) => {
    expect(parse(line).trade?.[field]).toBe(value);
  });

  it.each([
    ["a header", "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match"],
    [
      "a header after a byte order mark, as Latin-1",
      "\u00EF\u00BB\u00BFid,price,qty,quoteQty,time,isBuyerMaker",
    ],
  ])("%s is no trade and no fault, in the first line alone", (_what, line) => {
    expect(parse(line, 1)).toEqual({});
    expect(parse(line, 2).fault).toMatch(/^time: expected/);
  });

  it("a byte order mark before the first trade is no part of its id", () => {
    const line = "\u00EF\u00BB\u00BF7,2,3,6,1610064000278,True,True";
    expect(parse(line, 1).trade?.trade_id).toBe("7");
    expect(parse(line, 2).fault).toMatch(/^id: expected a whole number/);
  });

  it.each(["", "   "])("an empty line %j is no trade and no fault", (line) => {
    expect(parse(line)).toEqual({});
  });

  it.each([
    ["cut off", "553287559,39432.48", "expected 7 columns (or 6, in futures), got 2"],
    [
      "of another kind",
      "1,2,3,4,5,1608872400000,False,True",
      "expected 7 columns (or 6, in futures), got 8",
    ],
    ["without an id", ",2,3,6,1610064000278,True,True", 'id: expected a whole number, got ""'],
    [
      "with an id in words",
      "abc,2,3,6,1610064000278,True,True",
      'id: expected a whole number, got "abc"',
    ],
    [
      "with a negative price",
      "1,-2,3,6,1610064000278,True,True",
      'price: expected 1 to 10 digits, and after a point 1 to 8 more, got "-2"',
    ],
    [
      "with a price in words",
      "1,NaN,3,6,1610064000278,True,True",
      'price: expected 1 to 10 digits, and after a point 1 to 8 more, got "NaN"',
    ],
    [
      "with an exponent",
      "1,2,1e3,6,1610064000278,True,True",
      'qty: expected 1 to 10 digits, and after a point 1 to 8 more, got "1e3"',
    ],
    [
      "with nine digits after the point",
      "1,2,0.123456789,6,1610064000278,True,True",
      'qty: expected 1 to 10 digits, and after a point 1 to 8 more, got "0.123456789"',
    ],
    [
      "with no quantity",
      "1,2,0.00000000,6,1610064000278,True,True",
      'qty: expected more than zero, got "0.00000000"',
    ],
    [
      "with seconds",
      "1,2,3,6,1610064000,True,True",
      'time: expected milliseconds (13 digits) or microseconds (16 digits) since 1970, from 2001-09-09 on, got "1610064000"',
    ],
    [
      "without a side",
      "1,2,3,6,1610064000278,,True",
      'is_buyer_maker: expected True or False, got ""',
    ],
    [
      "with control characters",
      "1,\u001B[31m,3,6,1610064000278,True,True",
      'price: expected 1 to 10 digits, and after a point 1 to 8 more, got "\\u001b[31m"',
    ],
    [
      "with control characters of eight bits",
      "1,\u009B31m,3,6,1610064000278,True,True",
      'price: expected 1 to 10 digits, and after a point 1 to 8 more, got "\\u009b31m"',
    ],
    ["of endless length", "1".repeat(1_001), "expected a line of at most 1000 characters"],
  ])("%s is a fault that names the column and what was there", (_what, line, fault) => {
    expect(parse(line)).toEqual({ fault });
  });

  it("any text gives a trade, a reason, or nothing", () => {
    const column = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "1",
        "39432.48000000",
        "1610064000278",
        "1735689600010866",
        "True",
        "False",
        "",
      ),
    );
    const line = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(column, { minLength: 5, maxLength: 8 }).map((columns) => columns.join(",")),
    );
    fc.assert(
      fc.property(line, fc.integer({ min: 1, max: 3 }), (text, lineNumber) => {
        const { trade, fault } = parse(text, lineNumber);
        expect(trade === undefined || fault === undefined).toBe(true);
        expect(fault).not.toBe("");
        // What was found goes to a terminal: no line break or colour code may get there.
        // eslint-disable-next-line no-control-regex
        expect(fault ?? "").not.toMatch(/[\u0000-\u001F\u007F-\u009F]/);
      }),
    );
  });

  it("any valid line keeps every digit of price and quantity", () => {
    const decimal = fc
      .tuple(fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }), fc.integer({ min: 1, max: 8 }))
      .map(([units, digits]) => {
        const text = String(units).padStart(19, "0");
        return { whole: text.slice(0, -8), fraction: text.slice(-8), digits };
      });
    fc.assert(
      fc.property(decimal, decimal, (price, quantity) => {
        const write = (d: typeof price) => `${BigInt(d.whole)}.${d.fraction}`;
        const { trade } = parse(`1,${write(price)},${write(quantity)},1,1610064000278,True,True`);
        expect([trade?.price, trade?.quantity]).toEqual([write(price), write(quantity)]);
      }),
    );
  });
});

describe("a line that was written", () => {
  it("is read as the trade it was written from", () => {
    const trades = makeSampleTrades({ date: "2026-11-21", count: 400 });
    const crypto = trades.filter((trade) => trade.exchange === "BINANCE");
    expect(crypto.length).toBeGreaterThan(200);
    for (const trade of crypto) {
      const { symbol, currency, ingestion_timestamp } = trade;
      const now = Number(parseTimestamp(ingestion_timestamp));
      const read = parseBinanceLine(formatBinanceLine(trade), 1, {
        symbol,
        exchange: "BINANCE",
        currency,
        now,
      });
      expect(read).toEqual({ trade });
    }
  });
});

describe("what a file's name says", () => {
  it.each([
    ["BTCUSDT-trades-2021-01-08.csv", "BTCUSDT"],
    ["BTCUSDT-trades-2021-01-08.zip", "BTCUSDT"],
    ["ETHBTC-trades-2021-01.zip", "ETHBTC"],
    ["BTCUSD_PERP-trades-2024-03-01.csv", "BTCUSD_PERP"],
    ["1INCHUSDT-trades-2021-01-08.csv", "1INCHUSDT"],
    ["BTCUSDT-aggTrades-2021-01-08.csv", undefined],
    ["BTCUSDT-1m-2021-01-08.csv", undefined],
    ["trades.csv", undefined],
  ])("%s is of %s", (name, symbol) => {
    expect(symbolOfFileName(name)).toBe(symbol);
  });
});

describe("the currency of a symbol", () => {
  it.each([
    ["BTCUSDT", "USDT"],
    ["ETHBTC", "BTC"],
    ["BTCFDUSD", "FDUSD"],
    ["BTCUSD_PERP", "USD"],
    ["BNBEUR", "EUR"],
    ["USDT", undefined],
    ["ABC", undefined],
  ])("%s is in %s", (symbol, currency) => {
    expect(currencyOfSymbol(symbol)).toBe(currency);
  });
});
