/**
 * Bearer tokens (RFC 6750), compared so that the time taken says nothing about the token.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { ServiceError } from "../errors.ts";
import type { HttpRequest } from "./request.ts";

/**
 * Lets a request pass that carries the token, or any when there is no token to carry.
 * @throws {ServiceError} `UNAUTHORIZED` with `www-authenticate`.
 */
export function requireBearer(request: HttpRequest, token: string | undefined): void {
  if (token === undefined) return;
  const [, given] = /^Bearer +(\S+)$/i.exec(request.headers["authorization"] ?? "") ?? [];
  if (given !== undefined && isEqual(given, token)) return;
  const challenge = given === undefined ? "Bearer" : 'Bearer error="invalid_token"';
  throw new ServiceError("UNAUTHORIZED", "Expected `authorization: Bearer` and the token.", {
    headers: { "www-authenticate": challenge },
  });
}

/** Digests have one length, so that the given token's length takes no part in the comparison. */
function isEqual(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
