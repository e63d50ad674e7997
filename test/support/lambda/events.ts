/** Events as API Gateway's REST APIs send them to a Lambda proxy integration. */

import { randomUUID } from "node:crypto";
import type { APIGatewayProxyEvent } from "aws-lambda";

export interface ApiRequest {
  /** Default `GET`. */
  readonly method?: string;
  /** `/summary/AAPL/2026-01-05`: decoded, without stage and query. */
  readonly path: string;
  /** The route, `/summary/{symbol}/{date}`; default: the path. */
  readonly resource?: string;
  /** A list becomes a parameter that is given several times. */
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, bytes in base64, anything else as JSON. */
  readonly body?: unknown;
  /** Default `dev`. */
  readonly stage?: string;
}

/**
 * Makes the event of a request. As on AWS a repeated parameter's last value is the single one, and
 * what is empty is null.
 * @throws {Error} when the path doesn't fit the resource.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 */
export function apiGatewayEvent(request: ApiRequest): APIGatewayProxyEvent {
  const { method = "GET", path, resource = path, query = {}, stage = "dev" } = request;
  const values = Object.entries(query).map(([name, value]) => [name, [value].flat()] as const);
  const headers = { Host: "api.example.com", ...request.headers };
  return {
    resource,
    path,
    httpMethod: method,
    headers,
    multiValueHeaders: mapValues(headers, (value) => [value]),
    queryStringParameters: orNull(
      Object.fromEntries(values.map(([name, list]) => [name, list.at(-1)])),
    ),
    multiValueQueryStringParameters: orNull(Object.fromEntries(values)),
    pathParameters: orNull(pathParameters(resource, path)),
    stageVariables: null,
    requestContext: requestContext({ method, path, resource, stage }),
    ...encodeBody(request.body),
  };
}

function pathParameters(resource: string, path: string): Record<string, string> {
  const pattern = resource
    .replaceAll(/[.*^$()|[\]\\?]/g, String.raw`\$&`)
    .replaceAll(/\{(\w+)\+\}/g, "(?<$1>.+)")
    .replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  const match = new RegExp(`^${pattern}$`).exec(path);
  if (match === null) throw new Error(`path ${path} doesn't fit resource ${resource}`);
  return { ...match.groups };
}

function encodeBody(body: unknown): Pick<APIGatewayProxyEvent, "body" | "isBase64Encoded"> {
  if (body === undefined || body === null) return { body: null, isBase64Encoded: false };
  if (body instanceof Uint8Array) {
    return { body: Buffer.from(body).toString("base64"), isBase64Encoded: true };
  }
  return { body: typeof body === "string" ? body : JSON.stringify(body), isBase64Encoded: false };
}

function requestContext(route: {
  readonly method: string;
  readonly path: string;
  readonly resource: string;
  readonly stage: string;
}): APIGatewayProxyEvent["requestContext"] {
  return {
    accountId: "123456789012",
    apiId: "abcdef1234",
    authorizer: null,
    domainName: "api.example.com",
    httpMethod: route.method,
    identity: ANONYMOUS,
    path: `/${route.stage}${route.path}`,
    protocol: "HTTP/1.1",
    requestId: randomUUID(),
    requestTimeEpoch: Date.now(),
    resourceId: "resource",
    resourcePath: route.resource,
    stage: route.stage,
  };
}

const ANONYMOUS: APIGatewayProxyEvent["requestContext"]["identity"] = {
  accessKey: null,
  accountId: null,
  apiKey: null,
  apiKeyId: null,
  caller: null,
  clientCert: null,
  cognitoAuthenticationProvider: null,
  cognitoAuthenticationType: null,
  cognitoIdentityId: null,
  cognitoIdentityPoolId: null,
  principalOrgId: null,
  sourceIp: "127.0.0.1",
  user: null,
  userAgent: null,
  userArn: null,
};

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

function orNull<T>(record: Record<string, T>): Record<string, T> | null {
  return Object.keys(record).length === 0 ? null : record;
}
