/**
 * Events as API Gateway's REST API sends them to a Lambda proxy integration.
 */

import type { APIGatewayProxyEvent, Context } from "aws-lambda";

export interface RequestSketch {
  /** Default `GET`. */
  readonly method?: string;
  /** The matched template. Default `/trades`. */
  readonly route?: string;
  readonly pathParameters?: Record<string, string>;
  /** A parameter given several values is a repeated one. */
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
  /** Stage in front of the path. Default `dev`. */
  readonly stage?: string;
}

/** Makes an event of what matters to a test. */
export function apiEvent(sketch: RequestSketch = {}): APIGatewayProxyEvent {
  const { method = "GET", route = "/trades", query = {}, headers = {}, stage = "dev" } = sketch;
  const path = pathOf(route, sketch.pathParameters ?? {});
  const lists = Object.entries(query).map(([name, value]) => [name, [value].flat()] as const);
  return {
    httpMethod: method,
    resource: route,
    path,
    pathParameters: sketch.pathParameters ?? null,
    queryStringParameters: orNull(lists.map(([name, values]) => [name, values.at(-1) ?? ""])),
    multiValueQueryStringParameters: orNull(lists),
    headers: { ...headers },
    multiValueHeaders: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, [value]]),
    ),
    body: sketch.body ?? null,
    isBase64Encoded: sketch.isBase64Encoded ?? false,
    stageVariables: null,
    requestContext: {
      requestId: "4f1c7a2e-9d0b-4c63-8a51-6f2f0d9a7b10",
      path: `/${stage}${path}`,
      stage,
      httpMethod: method,
      resourcePath: route,
    } as APIGatewayProxyEvent["requestContext"],
  };
}

/** The context of an invocation with this much time left. */
export function lambdaContext(remainingTimeMs = 29_000): Context {
  return {
    awsRequestId: "8a0c1f38-3f0a-4d8f-9d62-3b0a6c1d2e4f",
    functionName: "not-to-be-used",
    functionVersion: "$LATEST",
    invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:not-to-be-used",
    memoryLimitInMB: "256",
    logGroupName: "/aws/lambda/not-to-be-used",
    logStreamName: "stream",
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => remainingTimeMs,
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}

function pathOf(route: string, parameters: Readonly<Record<string, string>>): string {
  return route.replaceAll(/\{(\w+)\+?\}/g, (_, name: string) => parameters[name] ?? "");
}

function orNull<T>(entries: readonly (readonly [string, T])[]): Record<string, T> | null {
  return entries.length === 0 ? null : Object.fromEntries(entries);
}
