import { describe, expect, it } from "vitest";
import { ServiceError } from "../../lib/errors.ts";
import {
  type Exchange,
  type HandleOptions,
  handleHttp,
  type Respond,
} from "../../lib/http/handle.ts";
import { json, text } from "../../lib/http/response.ts";
import { createLog } from "../../lib/log.ts";
import { apiEvent, type RequestSketch } from "../support/api-event.ts";

/** Handles one request and says what came of it: the result, the log lines and the exchanges. */
async function handle(
  sketch: RequestSketch,
  respond: Respond,
  options: Partial<HandleOptions> = {},
) {
  const lines: Record<string, unknown>[] = [];
  const exchanges: Exchange[] = [];
  const log = createLog({ write: (line) => lines.push(JSON.parse(line)) });
  const result = await handleHttp(
    apiEvent(sketch),
    {
      log,
      origins: [],
      routes: ["/trades"],
      remainingTimeMs: 29_000,
      observe: (exchange) => exchanges.push(exchange),
      ...options,
    },
    respond,
  );
  return { result, lines, exchanges };
}

const fail = (error: unknown) => () => {
  throw error;
};

describe("handleHttp", () => {
  it("answers JSON with the headers that every response has", async () => {
    const headers = { "x-correlation-id": "abc" };
    const { result } = await handle({ headers }, () => json({ b: 1, a: 2 }));
    expect(result).toEqual({
      statusCode: 200,
      headers: {
        "content-type": "application/json; charset=utf-8",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-correlation-id": "abc",
      },
      body: '{"b":1,"a":2}',
      isBase64Encoded: false,
    });
  });

  it("lets the responder set cache-control and joins vary with the origin's", async () => {
    const headers = { "cache-control": "public, max-age=60", vary: "accept" };
    const origins = ["https://a.example"];
    const { result } = await handle({}, () => text("", "text/plain", { headers }), { origins });
    expect(result.headers).toMatchObject({
      "cache-control": "public, max-age=60",
      vary: "accept, origin",
    });
  });

  it("answers HEAD as GET without the body", async () => {
    const { result } = await handle({ method: "HEAD" }, () => json({ a: 1 }));
    expect(result).toMatchObject({ statusCode: 200, body: "" });
    expect(result.headers?.["content-type"]).toBe("application/json; charset=utf-8");
  });

  it("logs one line with template, status and correlation id, and no value that was sent", async () => {
    const sketch = { query: { symbol: "QUERYVALUE" }, headers: { authorization: "Bearer SECRET" } };
    const { lines } = await handle(sketch, () => json({}));
    expect(lines).toEqual([
      {
        timestamp: expect.any(String),
        level: "info",
        message: "request",
        correlation_id: expect.any(String),
        method: "GET",
        route: "/trades",
        status: 200,
        duration_ms: expect.any(Number),
      },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/QUERYVALUE|SECRET/);
  });

  it("gives the responder a log that carries the correlation id", async () => {
    const { lines } = await handle({ headers: { "x-correlation-id": "abc" } }, (_, log) => {
      log.info("hello");
      return json({});
    });
    expect(lines[0]).toMatchObject({ message: "hello", correlation_id: "abc" });
  });

  it("makes a ServiceError a problem and names its code to log and observer", async () => {
    const error = new ServiceError("THROTTLED", "Too busy.", { retryAfterSeconds: 2 });
    const { result, lines, exchanges } = await handle({}, fail(error));
    expect(result).toMatchObject({ statusCode: 429, headers: { "retry-after": "2" } });
    expect(lines).toMatchObject([{ level: "info", status: 429, code: "THROTTLED" }]);
    expect(exchanges).toMatchObject([{ status: 429, code: "THROTTLED" }]);
  });

  it("leaks nothing of an unplanned error but logs its cause under the same id", async () => {
    const error = new Error("outer", { cause: new Error("table arn:secret") });
    const { result, lines } = await handle({}, async () => fail(error)());
    expect(result.statusCode).toBe(500);
    expect(JSON.stringify(result)).not.toMatch(/outer|secret/);
    expect(lines).toMatchObject([
      {
        level: "error",
        code: "INTERNAL",
        error: { message: "outer", cause: { message: "table arn:secret" } },
      },
    ]);
    expect(JSON.parse(result.body).instance).toBe(
      `urn:correlation-id:${String(lines[0]?.["correlation_id"])}`,
    );
  });

  it("answers 503 when the responder takes longer than the invocation may", async () => {
    const never = () => Promise.withResolvers<never>().promise;
    const { result } = await handle({}, never, { remainingTimeMs: 0 });
    expect(result).toMatchObject({ statusCode: 503, headers: { "retry-after": "1" } });
  });

  it.each([
    ["GET", "/trades", "GET", "/trades"],
    ["delete", "/trades", "DELETE", "/trades"],
    ["PROPFIND", "/trades", "OTHER", "/trades"],
    ["GET", "/{proxy+}", "GET", "unmatched"],
    ["GET", "/trades/x", "GET", "unmatched"],
  ])("%s %s is %s %s to the observer", async (sent, template, method, route) => {
    const { exchanges } = await handle({ method: sent, route: template }, () => json({}));
    expect(exchanges).toEqual([{ method, route, status: 200, durationMs: expect.any(Number) }]);
  });

  it("carries the correlation id and the origin's access on errors too", async () => {
    const { result } = await handle({ headers: { "x-correlation-id": "abc" } }, fail("boom"), {
      origins: ["*"],
    });
    expect(result.headers).toMatchObject({
      "x-correlation-id": "abc",
      "access-control-allow-origin": "*",
      "cache-control": "no-store",
    });
  });
});
