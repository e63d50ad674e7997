/**
 * A REST API event of API Gateway (Lambda proxy integration) as a plain request. Reading one never
 * fails: whatever the gateway left out is empty.
 */

import { randomUUID } from "node:crypto";
import type { APIGatewayProxyEvent } from "aws-lambda";
import type { InputFault } from "../errors.ts";

/** What a responder sees of an HTTP request. */
export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  /** The resource's template as API Gateway matched it, e.g. `/summary/{symbol}/{date}`. */
  readonly route: string;
  /** What stands before the route in the caller's URL: the stage, or a custom domain's base path. */
  readonly basePath: string;
  /** Values of the template's parameters, percent-decoded. */
  readonly pathParameters: Readonly<Record<string, string>>;
  /** The query, percent-decoded; of a repeated parameter the last value. */
  readonly query: Readonly<Record<string, string>>;
  /** One fault for each repeated query parameter; `parseQuery` reports them. */
  readonly repeated: readonly InputFault[];
  /** Names in lower case; several values of one name joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as bytes, none when empty; `readJson` bounds and decodes it. */
  readonly body: Uint8Array;
  /** `x-correlation-id` when it is 1 to 128 of `A-Za-z0-9._:-`, else the gateway's id or a UUID. */
  readonly correlationId: string;
}

type MultiValues = Readonly<Record<string, readonly string[] | undefined>>;

const CORRELATION_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const MAX_SHOWN_NAME_LENGTH = 64;

/** Reads an event. */
export function toRequest(event: APIGatewayProxyEvent): HttpRequest {
  const headers = headersOf(event);
  const ids = [headers["x-correlation-id"], event.requestContext?.requestId];
  return {
    method: (event.httpMethod ?? "").toUpperCase(),
    route: event.resource ?? "",
    basePath: basePathOf(event.requestContext?.path ?? "", event.resource ?? ""),
    pathParameters: decodeAll(event.pathParameters ?? {}),
    query: definedOnly(event.queryStringParameters ?? {}),
    repeated: repeatedIn(event.multiValueQueryStringParameters ?? {}),
    headers,
    body: bodyOf(event),
    correlationId: ids.find((id) => id !== undefined && CORRELATION_ID.test(id)) ?? randomUUID(),
  };
}

/** Whatever is no text is no body: serverless-offline hands over a JSON `false` as `false`. */
function bodyOf({ body, isBase64Encoded }: APIGatewayProxyEvent): Uint8Array {
  const text: unknown = body;
  return typeof text === "string"
    ? Buffer.from(text, isBase64Encoded ? "base64" : "utf8")
    : new Uint8Array();
}

function headersOf(event: APIGatewayProxyEvent): Record<string, string> {
  const multiple = Object.entries((event.multiValueHeaders ?? {}) as MultiValues);
  const joined = multiple.map(([name, values]) => [name, values?.join(", ")] as const);
  const all = [...Object.entries(definedOnly(event.headers ?? {})), ...joined];
  return definedOnly(Object.fromEntries(all.map(([name, value]) => [name.toLowerCase(), value])));
}

function repeatedIn(query: MultiValues): InputFault[] {
  return Object.entries(query)
    .filter(([, values]) => (values?.length ?? 0) > 1)
    .map(([name]) => ({ pointer: pointerTo(name), detail: "expected once" }));
}

/** A parameter's name as a JSON Pointer (RFC 6901), cut to a length fit for an answer. */
function pointerTo(name: string): string {
  const shown = name.slice(0, MAX_SHOWN_NAME_LENGTH).toWellFormed();
  return `/${shown.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** The whole path less as many segments as the template has; none for a greedy template. */
function basePathOf(wholePath: string, route: string): string {
  if (route.endsWith("+}")) return "";
  const depth = route.split("/").filter((segment) => segment !== "").length;
  const segments = wholePath.replace(/\/$/, "").split("/");
  return segments.slice(0, segments.length - depth).join("/");
}

/** API Gateway hands path parameters over as they were sent; what is not well formed stays so. */
function decodeAll(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(definedOnly(values));
  return Object.fromEntries(entries.map(([name, value]) => [name, decodePercent(value)]));
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function definedOnly(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(values).filter(([, value]) => typeof value === "string");
  return Object.fromEntries(entries as [string, string][]);
}
