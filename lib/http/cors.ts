/**
 * Cross-origin access (the Fetch standard's CORS protocol) for browsers of the configured origins.
 */

import type { HttpRequest } from "./request.ts";
import { empty, type HttpResponse } from "./response.ts";

/** Who may read answers: origins such as `https://app.example.com`, or `*`. Empty: no one else. */
export type AllowedOrigins = readonly string[];

const REQUEST_HEADERS = "authorization, content-type, x-api-key, x-correlation-id";
/** What pages of allowed origins may read beside the simple headers. */
export const EXPOSED_HEADERS = "retry-after, x-correlation-id";
const PREFLIGHT_SECONDS = 600;

/** The headers that let this request's origin read the answer; none when it may not. */
export function corsHeaders(origins: AllowedOrigins, request: HttpRequest): Record<string, string> {
  if (origins.length === 0) return {};
  if (origins.includes("*")) return allowed("*");
  const origin = request.headers["origin"] ?? "";
  return { ...(origins.includes(origin) ? allowed(origin) : {}), vary: "origin" };
}

/**
 * The answer to `OPTIONS`: the methods a resource has and what a request from another origin may
 * carry. Who may send one, `corsHeaders` says.
 */
export function preflight(methods: readonly string[]): HttpResponse {
  const allow = methods.join(", ");
  return empty({
    headers: {
      allow,
      "access-control-allow-methods": allow,
      "access-control-allow-headers": REQUEST_HEADERS,
      "access-control-max-age": String(PREFLIGHT_SECONDS),
    },
  });
}

function allowed(origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": EXPOSED_HEADERS,
  };
}
