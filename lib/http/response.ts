/**
 * What a responder answers, and the same as a Lambda proxy result for API Gateway.
 */

import type { APIGatewayProxyResult } from "aws-lambda";

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Text as it goes out; `""` for none. */
  readonly body: string;
}

export interface ResponseOptions {
  /** Default 200. */
  readonly status?: number;
  /** Names in lower case; they win over what the response would set itself. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A JSON answer. Keys go out in the order `value` has them. */
export function json(value: unknown, options: ResponseOptions = {}): HttpResponse {
  return text(JSON.stringify(value), "application/json; charset=utf-8", options);
}

/** An answer of any textual media type. */
export function text(
  body: string,
  contentType: string,
  options: ResponseOptions = {},
): HttpResponse {
  const { status = 200, headers = {} } = options;
  return { status, headers: { "content-type": contentType, ...headers }, body };
}

/** An answer without a body, 204 unless told otherwise. */
export function empty(options: ResponseOptions = {}): HttpResponse {
  return { status: options.status ?? 204, headers: options.headers ?? {}, body: "" };
}

/** Translates to API Gateway's shape; bodies are text, so nothing is base64. */
export function fromResponse(response: HttpResponse): APIGatewayProxyResult {
  return {
    statusCode: response.status,
    headers: { ...response.headers },
    body: response.body,
    isBase64Encoded: false,
  };
}
