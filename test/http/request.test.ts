import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toRequest } from "../../lib/http/request.ts";
import { apiEvent } from "../support/api-event.ts";

describe("toRequest", () => {
  it("lowers header names and joins several values of one", () => {
    const event = apiEvent({ headers: { "X-One": "1" } });
    event.multiValueHeaders = { "X-One": ["1"], ACCEPT: ["text/plain", "application/json"] };
    expect(toRequest(event).headers).toEqual({
      "x-one": "1",
      accept: "text/plain, application/json",
    });
  });

  it("names every repeated query parameter and keeps the last value", () => {
    const request = toRequest(apiEvent({ query: { limit: ["1", "2"], "a/b": ["", ""], c: "3" } }));
    expect(request.query).toEqual({ limit: "2", "a/b": "", c: "3" });
    expect(request.repeated).toEqual([
      { pointer: "/limit", detail: "expected once" },
      { pointer: "/a~1b", detail: "expected once" },
    ]);
  });

  it.each([
    ["BTC%2FUSD", "BTC/USD"],
    ["BTCUSDT", "BTCUSDT"],
    ["%E0%A4%A", "%E0%A4%A"],
  ])("decodes the path parameter %s to %s", (sent, read) => {
    const route = "/summary/{symbol}/{date}";
    const request = toRequest(apiEvent({ route, pathParameters: { symbol: sent } }));
    expect(request.pathParameters).toEqual({ symbol: read });
  });

  it.each([
    ["/dev/trades", "/trades", "/dev"],
    ["/trades", "/trades", ""],
    ["/", "/", ""],
    ["/dev", "/", "/dev"],
    ["/dev/", "/", "/dev"],
    ["/api/v1/summary/A/2026-11-01", "/summary/{symbol}/{date}", "/api/v1"],
    ["/dev/a/b/c", "/{proxy+}", ""],
  ])("of the path %s and the template %s the base path is %j", (path, route, basePath) => {
    const event = apiEvent({ route });
    event.requestContext.path = path;
    expect(toRequest(event).basePath).toBe(basePath);
  });

  it.each([null, false, 0, { a: 1 }])("takes %j, which is no text, for no body", (body) => {
    const event = { ...apiEvent({}), body } as unknown as Parameters<typeof toRequest>[0];
    expect([...toRequest(event).body]).toEqual([]);
  });

  it("decodes a base64 body", () => {
    const body = Buffer.from([0, 255, 10]).toString("base64");
    const request = toRequest(apiEvent({ body, isBase64Encoded: true }));
    expect([...request.body]).toEqual([0, 255, 10]);
  });

  it.each(["abc", "A".repeat(128), "1:2.3_4-5"])("takes the correlation id %s", (id) => {
    const request = toRequest(apiEvent({ headers: { "X-Correlation-Id": id } }));
    expect(request.correlationId).toBe(id);
  });

  it.each(["", "A".repeat(129), "a b", "a\nb", "é", '"', "<b>"])(
    "puts the gateway's request id in place of the correlation id %j",
    (id) => {
      const event = apiEvent({ headers: { "x-correlation-id": id } });
      expect(toRequest(event).correlationId).toBe(event.requestContext.requestId);
    },
  );

  it("makes a UUID when there is no id at all", () => {
    expect(toRequest({} as never).correlationId).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  });

  it("reads any event whatever is missing", () => {
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
    const text = fc.string({ unit: "binary" });
    const dictionary = maybe(fc.dictionary(text, fc.oneof(text, fc.constant(undefined))));
    const lists = maybe(fc.dictionary(text, fc.oneof(fc.array(text), fc.constant(undefined))));
    const event = fc.record(
      {
        httpMethod: text,
        resource: text,
        path: text,
        headers: dictionary,
        multiValueHeaders: lists,
        queryStringParameters: dictionary,
        multiValueQueryStringParameters: lists,
        pathParameters: dictionary,
        body: maybe(text),
        isBase64Encoded: fc.boolean(),
        requestContext: fc.record({ path: text, requestId: text }, { requiredKeys: [] }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(event, (any) => {
        expect(toRequest(any as never).correlationId).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
      }),
    );
  });
});
