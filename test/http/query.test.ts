import { describe, expect, it } from "vitest";
import { ServiceError } from "../../lib/errors.ts";
import { parseQuery } from "../../lib/http/query.ts";

const refuse = () => {
  throw new ServiceError("INVALID_REQUEST", "bad", {
    faults: [
      { pointer: "/limit", detail: "expected a number" },
      { pointer: "/symbol", detail: "expected a symbol" },
    ],
  });
};
const repeated = [{ pointer: "/limit", detail: "expected once" }];

describe("parseQuery", () => {
  it("gives what the parser makes of the query", () => {
    const request = { query: { limit: "3" }, repeated: [] };
    expect(parseQuery(request, ({ limit }) => Number(limit))).toBe(3);
  });

  it("refuses a repeated parameter even when its last value is good", () => {
    expect(() => parseQuery({ query: { limit: "3" }, repeated }, () => 3)).toThrow(
      expect.objectContaining({ code: "INVALID_REQUEST", faults: repeated }),
    );
  });

  it("names repeated parameters and the parser's faults at once, each parameter once", () => {
    expect(() => parseQuery({ query: {}, repeated }, refuse)).toThrow(
      expect.objectContaining({
        faults: [...repeated, { pointer: "/symbol", detail: "expected a symbol" }],
      }),
    );
  });

  it("lets any other error through", () => {
    const broken = () => {
      throw new TypeError("broken");
    };
    expect(() => parseQuery({ query: {}, repeated }, broken)).toThrow(TypeError);
  });
});
