import { describe, expect, it } from "vitest";
import { apiGatewayEvent } from "../support/lambda/events.ts";

describe("an API Gateway event", () => {
  it("has null for all that is not there", () => {
    expect(apiGatewayEvent({ path: "/trades" })).toMatchObject({
      httpMethod: "GET",
      path: "/trades",
      resource: "/trades",
      queryStringParameters: null,
      multiValueQueryStringParameters: null,
      pathParameters: null,
      stageVariables: null,
      body: null,
      isBase64Encoded: false,
      requestContext: { stage: "dev", path: "/dev/trades", resourcePath: "/trades" },
    });
  });

  it("takes path parameters from the resource", () => {
    const event = apiGatewayEvent({
      path: "/summary/BRK.B/2026-01-05",
      resource: "/summary/{symbol}/{date}",
    });
    expect(event.pathParameters).toEqual({ symbol: "BRK.B", date: "2026-01-05" });
  });

  it("refuses a path that doesn't fit the resource", () => {
    expect(() =>
      apiGatewayEvent({ path: "/summary/A", resource: "/summary/{symbol}/{date}" }),
    ).toThrow("path /summary/A doesn't fit resource /summary/{symbol}/{date}");
  });

  it("gives a repeated parameter's last value, and all of them", () => {
    const event = apiGatewayEvent({ path: "/trades", query: { symbol: ["A", "B"], limit: "5" } });
    expect(event.queryStringParameters).toEqual({ symbol: "B", limit: "5" });
    expect(event.multiValueQueryStringParameters).toEqual({ symbol: ["A", "B"], limit: ["5"] });
  });

  it("has each header once, and as a list", () => {
    const event = apiGatewayEvent({ path: "/metrics", headers: { Accept: "text/plain" } });
    expect(event.headers).toEqual({ Host: "api.example.com", Accept: "text/plain" });
    expect(event.multiValueHeaders).toEqual({ Host: ["api.example.com"], Accept: ["text/plain"] });
  });

  it.each([
    ["text as it is", "{oops", "{oops", false],
    ["a value as JSON", [{ price: "1.5" }], '[{"price":"1.5"}]', false],
    ["bytes in base64", new Uint8Array([1, 2, 255]), "AQL/", true],
  ])("sends %s", (_, body, text, isBase64Encoded) => {
    const event = apiGatewayEvent({ method: "POST", path: "/trades", body });
    expect(event).toMatchObject({ httpMethod: "POST", body: text, isBase64Encoded });
  });
});
