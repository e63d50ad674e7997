/**
 * Request bodies: bounded first, then decoded.
 */

import { ServiceError } from "../errors.ts";
import type { HttpRequest } from "./request.ts";

const JSON_MEDIA_TYPE = /^application\/json\s*(?:;|$)/i;

/**
 * Parses a JSON body; the shape of what it holds is for the caller to check.
 * @throws {ServiceError} `UNSUPPORTED_MEDIA_TYPE` unless it is `application/json`, `PAYLOAD_TOO_LARGE`
 *   above `maxBytes`, `INVALID_REQUEST` when it is not UTF-8 or not JSON.
 */
export function readJson(request: HttpRequest, maxBytes: number): unknown {
  const contentType = request.headers["content-type"] ?? "";
  if (!JSON_MEDIA_TYPE.test(contentType)) {
    throw new ServiceError("UNSUPPORTED_MEDIA_TYPE", "Expected `content-type: application/json`.");
  }
  if (request.body.length > maxBytes) {
    const detail = `The body has ${request.body.length} bytes, expected at most ${maxBytes}.`;
    throw new ServiceError("PAYLOAD_TOO_LARGE", detail);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(request.body));
  } catch (cause) {
    const faults = [{ pointer: "", detail: "expected a JSON document in UTF-8" }];
    throw new ServiceError("INVALID_REQUEST", "The body is not JSON.", { cause, faults });
  }
}
