import { expect, it } from "vitest";
import { ServiceError } from "../../lib/errors.ts";
import { parseSummaryQuery } from "../../lib/trades/summary-query.ts";

it("takes a symbol and a date", () => {
  expect(parseSummaryQuery({ symbol: "EUR/USD", date: "2024-02-29" })).toEqual({
    symbol: "EUR/USD",
    date: "2024-02-29",
  });
});

it.each([
  [{ symbol: "BTCUSDT", date: "2023-02-29" }, ["/date"]],
  [{ symbol: "BTCUSDT", date: "20210108" }, ["/date"]],
  [{ symbol: "btcusdt", date: "yesterday" }, ["/date", "/symbol"]],
  [{ symbol: undefined, date: undefined }, ["/date", "/symbol"]],
])("refuses %j", (params, pointers) => {
  const refuse = () => parseSummaryQuery(params);
  expect(refuse).toThrow(ServiceError);
  expect(refuse).toThrow(
    expect.objectContaining({
      code: "INVALID_REQUEST",
      faults: expect.toSatisfy((faults: { pointer: string }[]) =>
        pointers.every((pointer) => faults.map((fault) => fault.pointer).includes(pointer)),
      ),
    }),
  );
});
