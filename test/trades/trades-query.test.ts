import { describe, expect, it } from "vitest";
import { ServiceError } from "../../lib/errors.ts";
import { encodeCursor } from "../../lib/trades/cursor.ts";
import { parseTradesQuery } from "../../lib/trades/trades-query.ts";

function refusal(params: Record<string, string | undefined>): ServiceError {
  try {
    parseTradesQuery(params);
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

describe("the query", () => {
  it("is for the newest 100 when nothing is said", () => {
    expect(parseTradesQuery({})).toEqual({ limit: 100 });
    expect(parseTradesQuery({ symbol: undefined })).toEqual({ limit: 100 });
  });

  it("has every filter", () => {
    const query = parseTradesQuery({
      symbol: "BRK.B",
      exchange: "XNAS",
      start_time: "2021-01-08T01:00:00+01:00",
      end_time: "2021-01-09T00:00:00Z",
      limit: "1000",
    });
    expect(query).toEqual({
      symbol: "BRK.B",
      exchange: "XNAS",
      startTime: "1610064000000000",
      endTime: "1610150400000000",
      limit: 1000,
    });
  });

  it("goes on from a cursor, also with another limit", () => {
    const before = "1610064000278000#BINANCE#BTCUSDT#00000000000000000001";
    const cursor = encodeCursor({ symbol: "BTCUSDT" }, before);
    expect(parseTradesQuery({ symbol: "BTCUSDT", limit: "7", cursor })).toEqual({
      symbol: "BTCUSDT",
      limit: 7,
      before,
    });
  });
});

describe("refused is", () => {
  it.each([
    ["limit", "0", /from 1 to 1000/],
    ["limit", "1001", /from 1 to 1000/],
    ["limit", "-1", /from 1 to 1000/],
    ["limit", "1e2", /from 1 to 1000/],
    ["limit", "010", /from 1 to 1000/],
    ["limit", "", /from 1 to 1000/],
    ["limit", "ten", /from 1 to 1000/],
    ["symbol", "", /1 to 32/],
    ["symbol", "btc", /A-Z/],
    ["exchange", "X#Y", /A-Z/],
    ["start_time", "yesterday", /ISO 8601/],
    ["end_time", "1610064000", /ISO 8601/],
    ["end_time", "2021-01-08T00:00:00.0000001Z", /at most 6 digits/],
    ["cursor", "", /next_cursor/],
    ["cursor", "abc", /next_cursor/],
    ["Symbol", "BTCUSDT", /unknown; known are symbol, exchange/],
    ["offset", "10", /unknown; known are symbol, exchange/],
  ])("%s=%s", (name, value, detail) => {
    const error = refusal({ [name]: value });
    expect(error.code).toBe("INVALID_REQUEST");
    expect(error.faults).toEqual([{ pointer: `/${name}`, detail: expect.stringMatching(detail) }]);
  });

  it.each([
    ["2021-01-08T00:00:00Z", "2021-01-08T00:00:00Z"],
    ["2021-01-08T00:00:00.000001Z", "2021-01-08T00:00:00Z"],
  ])("a range from %s to %s", (start_time, end_time) => {
    expect(refusal({ start_time, end_time }).faults).toEqual([
      { pointer: "/end_time", detail: "expected a time after start_time" },
    ]);
  });

  it("a cursor of other filters", () => {
    const cursor = encodeCursor({}, "1610064000278000");
    expect(refusal({ symbol: "A", cursor }).faults[0]?.detail).toMatch(/belongs to other/);
  });

  it("every bad parameter at once", () => {
    const range = { start_time: "2021-01-09T00:00:00Z", end_time: "2021-01-08T00:00:00Z" };
    const error = refusal({ limit: "x", symbol: "x", cursor: "x", foo: "x", bar: "x", ...range });
    expect(error.faults.map((fault) => fault.pointer).sort()).toEqual([
      "/bar",
      "/cursor",
      "/end_time",
      "/foo",
      "/limit",
      "/symbol",
    ]);
    expect(error.detail).toContain("limit");
  });
});
