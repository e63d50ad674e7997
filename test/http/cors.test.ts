import { describe, expect, it } from "vitest";
import { corsHeaders, preflight } from "../../lib/http/cors.ts";
import { toRequest } from "../../lib/http/request.ts";
import { apiEvent } from "../support/api-event.ts";

const from = (origin?: string) =>
  toRequest(apiEvent({ headers: origin === undefined ? {} : { Origin: origin } }));
const expose = { "access-control-expose-headers": "retry-after, x-correlation-id" };

describe("corsHeaders", () => {
  it.each([
    ["nothing", [], "https://a.example", {}],
    ["anyone", ["*"], "https://a.example", { "access-control-allow-origin": "*", ...expose }],
    ["anyone, unasked", ["*"], undefined, { "access-control-allow-origin": "*", ...expose }],
    [
      "a listed origin",
      ["https://b.example", "https://a.example"],
      "https://a.example",
      { "access-control-allow-origin": "https://a.example", ...expose, vary: "origin" },
    ],
    ["another origin", ["https://a.example"], "https://a.example.evil", { vary: "origin" }],
    ["no origin", ["https://a.example"], undefined, { vary: "origin" }],
  ])("allows %s", (_, origins, origin, headers) => {
    expect(corsHeaders(origins, from(origin))).toEqual(headers);
  });
});

describe("preflight", () => {
  it("says which methods and headers may be sent", () => {
    expect(preflight(["GET", "HEAD", "OPTIONS"])).toEqual({
      status: 204,
      body: "",
      headers: {
        allow: "GET, HEAD, OPTIONS",
        "access-control-allow-methods": "GET, HEAD, OPTIONS",
        "access-control-allow-headers": "authorization, content-type, x-api-key, x-correlation-id",
        "access-control-max-age": "600",
      },
    });
  });
});
