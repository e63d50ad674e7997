/**
 * The whole API in this process: the real handlers over a DynamoDB and a Pushgateway of their own,
 * each behind a proxy that can fail. Every answer is held against openapi.json.
 */

import type { APIGatewayProxyResult } from "aws-lambda";
import { expect } from "vitest";
import type { HttpHandler } from "../../lib/http-function.ts";
import { apiEvent, lambdaContext, type RequestSketch } from "./api-event.ts";
import { matchRoute, readApiRoutes } from "./api-routes.ts";
import { faultsOfAnswer } from "./documented-answers.ts";
import { startTestDynamoDB, type TestDynamoDB } from "./dynamodb.ts";
import { startFaultyProxy, type FaultyProxy } from "./faulty-proxy.ts";
import { startPushgateway } from "./pushgateway.ts";

export interface ApiRequest extends Pick<RequestSketch, "method" | "query" | "headers" | "body"> {
  /** As in a URL: percent-encoded, without the query. */
  readonly path: string;
}

export interface TestApi {
  readonly database: TestDynamoDB;
  /** In front of the database; what goes wrong here, goes wrong for the functions. */
  readonly databaseProxy: FaultyProxy;
  readonly pushgatewayProxy: FaultyProxy;
  /** Sends a request to the function that API Gateway would send it to. */
  request(request: ApiRequest): Promise<APIGatewayProxyResult>;
  close(): Promise<void>;
}

/** So long that no push is given up for a busy machine. */
const PUSH_TIMEOUT_MS = 20_000;

/**
 * Starts it; once in a test file, since the functions read their configuration when they are loaded.
 * @param variables of the configuration, beside the addresses.
 */
export async function startApi(variables: Readonly<Record<string, string>> = {}): Promise<TestApi> {
  const database = await startTestDynamoDB();
  const pushgateway = await startPushgateway();
  const databaseProxy = await startFaultyProxy({ target: database.endpoint });
  const pushgatewayProxy = await startFaultyProxy({ target: pushgateway.url });
  Object.assign(process.env, {
    DYNAMODB_ENDPOINT: databaseProxy.url,
    TABLE_NAME: database.table,
    PUSHGATEWAY_URL: pushgatewayProxy.url,
    METRICS_PUSH_TIMEOUT_MS: String(PUSH_TIMEOUT_MS),
    LOG_LEVEL: "silent",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    ...variables,
  });
  const routes = readApiRoutes();
  const handlers = await loadHandlers(new Set(routes.map(({ name }) => name)));

  return {
    database,
    databaseProxy,
    pushgatewayProxy,
    async request({ method = "GET", path, ...rest }) {
      const route = matchRoute(routes, method, path);
      const handler = handlers.get(route?.name ?? "");
      if (route === undefined || handler === undefined) throw new Error(`no route for ${path}`);
      const { template, pathParameters } = route;
      const event = apiEvent({ ...rest, method, route: template, pathParameters });
      const result = await handler(event, lambdaContext());
      expect(faultsOfAnswer({ method, template }, result)).toEqual([]);
      return result;
    },
    close: async () => {
      await Promise.all([databaseProxy.close(), pushgatewayProxy.close()]);
      await pushgateway.close();
      await database.close();
    },
  };
}

async function loadHandlers(names: ReadonlySet<string>): Promise<Map<string, HttpHandler>> {
  const handlers = new Map<string, HttpHandler>();
  for (const name of names) {
    const loaded = (await import(`../../functions/${name}.ts`)) as { handler: HttpHandler };
    handlers.set(name, loaded.handler);
  }
  return handlers;
}
