import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import type { APIGatewayProxyResult } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ErrorCode, ERRORS } from "../../lib/errors.ts";
import { problemType } from "../../lib/http/problem.ts";
import { json } from "../../lib/http/response.ts";
import type { Invocation } from "../../lib/invocation.ts";
import { openPushgateway } from "../../lib/metrics/read/pushgateway.ts";
import type * as service from "../../lib/service.ts";
import { GATEWAY_ANSWERS } from "../../ops/serverless/gateway-answers.ts";
import { startApi, type TestApi } from "../support/api.ts";
import { apiEvent, lambdaContext } from "../support/api-event.ts";

const REFUSED_FOR_LOAD = {
  type: "status",
  status: 400,
  body: '{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}',
} as const;
/** As often as the client tries. */
const TRIES = 3;

let api: TestApi;
let apiFunction: typeof service.apiFunction;

beforeAll(async () => {
  api = await startApi({
    METRICS_SCRAPE_TOKEN: "a-token-of-the-test",
    METRICS_STRICT: "true",
  });
  ({ apiFunction } = await import("../../lib/service.ts"));
});
afterAll(() => api.close());

type Answer = () => Promise<APIGatewayProxyResult>;

/** How each code comes to be answered; the compiler sees to it that none is left out. */
const RAISED: Readonly<Record<ErrorCode, Answer | "by API Gateway" | "at init">> = {
  INVALID_REQUEST: () => api.request({ path: "/trades", query: { limit: "0" } }),
  UNAUTHORIZED: () => api.request({ path: "/metrics" }),
  FORBIDDEN: "by API Gateway",
  NOT_FOUND: () => api.request({ path: "/summary/BTCUSDT/2021-01-08" }),
  METHOD_NOT_ALLOWED: () => api.request({ path: "/trades", method: "DELETE" }),
  PAYLOAD_TOO_LARGE: () => publish(" ".repeat(1_048_577), "application/json"),
  UNSUPPORTED_MEDIA_TYPE: () => publish("{}", "text/csv"),
  THROTTLED: async () => {
    api.databaseProxy.inject(...Array.from({ length: TRIES }, () => REFUSED_FOR_LOAD));
    return api.request({ path: "/summary/BTCUSDT/2021-01-08" });
  },
  QUOTA_EXCEEDED: "by API Gateway",
  INTERNAL: () => answered(() => JSON.parse("{") as never),
  UNAVAILABLE: async () => {
    await api.databaseProxy.refuseConnections();
    const result = await api.request({ path: "/symbols" });
    await api.databaseProxy.acceptConnections();
    return result;
  },
  INVALID_CONFIG: "at init",
  INVALID_METRIC: () =>
    answered(({ metrics }) => {
      metrics.increment("go_goroutines");
      return json({});
    }),
  READ_FAILED: async () => {
    await api.pushgatewayProxy.refuseConnections();
    const headers = { authorization: "Bearer a-token-of-the-test" };
    const result = await api.request({ path: "/metrics", headers });
    await api.pushgatewayProxy.acceptConnections();
    return result;
  },
  PAGE_TOO_LARGE: async () => {
    const samples = Array.from(
      { length: 30_000 },
      (_, i) => `many_total{id="${"x".repeat(200)}${i}"} 1`,
    );
    const client = openPushgateway({ url: api.pushgatewayProxy.url, timeoutMs: 60_000 });
    const key = { job: "k2-trades", component: "c", environment: "dev", instance: randomUUID() };
    await client.put(key, `# TYPE many_total counter\n${samples.join("\n")}\n`, {});
    const headers = { authorization: "Bearer a-token-of-the-test" };
    const result = await api.request({ path: "/metrics", headers });
    await client.remove(key);
    client.close();
    return result;
  },
};

describe("every code of the catalogue", () => {
  const raised = Object.entries(RAISED) as [ErrorCode, (typeof RAISED)[ErrorCode]][];

  it.each(raised.filter(([, how]) => typeof how === "function"))(
    "%s is answered as a problem of its type, or hidden when it is our fault",
    async (code, answer) => {
      const { statusCode, headers, body } = await (answer as Answer)();
      const shown = ERRORS[code].status === 500 ? "INTERNAL" : code;
      expect(statusCode).toBe(ERRORS[shown].status);
      expect(headers?.["content-type"]).toBe("application/problem+json; charset=utf-8");
      expect(JSON.parse(body)).toMatchObject({
        type: problemType(shown),
        title: ERRORS[shown].title,
        status: statusCode,
        detail: expect.stringMatching(/\S/),
        instance: `urn:correlation-id:${headers?.["x-correlation-id"]}`,
      });
      if (shown === "INTERNAL") expect(body).not.toMatch(/go_goroutines|JSON|position/);
    },
  );

  it.each(raised.filter(([, how]) => how === "by API Gateway"))(
    "%s is answered by API Gateway",
    (code) => {
      const codes = Object.values(GATEWAY_ANSWERS).map((answer) => answer.code);
      expect(codes).toContain(code);
    },
  );

  it.each(raised.filter(([, how]) => how === "at init"))(
    "%s ends the init phase, naming the variable and not its value",
    async () => {
      const run = promisify(execFile)(
        process.execPath,
        [join(import.meta.dirname, "../../functions/scrape-metrics.ts")],
        { env: { METRICS_SCRAPE_TOKEN: "hunter2" } },
      );
      const { stderr } = (await run.catch((error: unknown) => error)) as { stderr: string };
      expect(stderr).toContain("INVALID_CONFIG: METRICS_SCRAPE_TOKEN: expected at least 16");
      expect(stderr).not.toContain("hunter2");
    },
  );

  it.each(["THROTTLED", "UNAVAILABLE"] as const)("%s says when to come again", async (code) => {
    const { headers } = await (RAISED[code] as Answer)();
    expect(headers?.["retry-after"]).toBe("1");
  });
});

/** What a function answers that does this. */
async function answered(
  respond: (invocation: Invocation) => ReturnType<typeof json>,
): Promise<APIGatewayProxyResult> {
  const handler = await apiFunction("list-trades", (_request, invocation) => respond(invocation));
  return handler(apiEvent(), lambdaContext());
}

function publish(body: string, contentType: string): Promise<APIGatewayProxyResult> {
  const headers = { "content-type": contentType };
  return api.request({ method: "POST", path: "/trades", headers, body });
}
