import type { APIGatewayProxyResult } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HttpHandler } from "../../lib/http-function.ts";
import { apiEvent, lambdaContext, type RequestSketch } from "../support/api-event.ts";
import { startTestDynamoDB, type TestDynamoDB } from "../support/dynamodb.ts";
import { type Fault, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { startPushgateway, type TestPushgateway } from "../support/pushgateway.ts";
import { openTestStore } from "../support/stored-trades.ts";
import { tradeRun } from "../support/trades.ts";

const ROUTES: [name: string, sketch: RequestSketch][] = [
  ["list-trades", { query: { symbol: "BTCUSDT" } }],
  ["list-trades", { query: {} }],
  ["list-symbols", { route: "/symbols" }],
  [
    "summarize-day",
    {
      route: "/summary/{symbol}/{date}",
      pathParameters: { symbol: "BTCUSDT", date: "2021-01-08" },
    },
  ],
];

let database: TestDynamoDB;
let proxy: FaultyProxy;
let pushgateway: TestPushgateway;
let fault: Fault = { type: "none" };
const handlers = new Map<string, HttpHandler>();

beforeAll(async () => {
  database = await startTestDynamoDB();
  proxy = await startFaultyProxy({ target: database.endpoint, faultOf: () => fault });
  pushgateway = await startPushgateway();
  Object.assign(process.env, {
    DYNAMODB_ENDPOINT: proxy.url,
    TABLE_NAME: database.table,
    PUSHGATEWAY_URL: pushgateway.url,
    METRICS_PUSH_TIMEOUT_MS: "20000",
    LOG_LEVEL: "silent",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
  for (const [name] of ROUTES) {
    const loaded = (await import(`../../functions/${name}.ts`)) as { handler: HttpHandler };
    handlers.set(name, loaded.handler);
  }
  await openTestStore(database).recordTrades(tradeRun({ symbol: "BTCUSDT", count: 5 }));
});
afterAll(async () => {
  await pushgateway.close();
  await proxy.close();
  await database.close();
});

async function call(name: string, sketch: RequestSketch): Promise<APIGatewayProxyResult> {
  const handler = handlers.get(name);
  if (handler === undefined) throw new Error(`no function ${name}`);
  return handler(apiEvent(sketch), lambdaContext());
}

const answer = (status: number, type: string, message = "m"): Fault => ({
  type: "status",
  status,
  headers: { "content-type": "application/x-amz-json-1.0" },
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message }),
});

const rows = (
  [
    ["throughput is exceeded", answer(400, "ProvisionedThroughputExceededException"), 429],
    ["requests are throttled", answer(400, "ThrottlingException"), 429],
    ["an error of its own", answer(500, "InternalServerError"), 503],
    ["the table is not there", answer(400, "ResourceNotFoundException", "secret-table"), 503],
    ["connections are reset", { type: "reset-before" }, 503],
  ] as const
).flatMap(([why, how, status]) =>
  ROUTES.map(([name, sketch]) => ({ why, how, status, name, sketch })),
);

describe("when DynamoDB does not answer a query", () => {
  it.each(rows)("since $why, $name $sketch is $status, and says when to try again", async (row) => {
    fault = row.how;
    const result = await call(row.name, row.sketch).finally(() => (fault = { type: "none" }));
    expect(result.statusCode).toBe(row.status);
    expect(result.headers).toMatchObject({
      "content-type": expect.stringContaining("application/problem+json"),
      "retry-after": "1",
      "cache-control": "no-store",
    });
    const body = JSON.parse(result.body) as { type: string; status: number };
    expect(body.status).toBe(row.status);
    expect(body.type).toMatch(row.status === 429 ? /throttled/i : /unavailable/i);
    expect(result.body).not.toContain("secret");
    // Nothing of it is left when DynamoDB is back.
    expect((await call(row.name, row.sketch)).statusCode).toBe(200);
  });
});
