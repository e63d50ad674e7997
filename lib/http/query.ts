/**
 * Reading the query so that every fault of a request is named at once.
 */

import { type InputFault, ServiceError } from "../errors.ts";
import type { HttpRequest } from "./request.ts";

/**
 * Parses the query, naming repeated parameters together with whatever `parse` finds.
 * @param parse throws `INVALID_REQUEST` with faults.
 * @throws {ServiceError} `INVALID_REQUEST` with the faults of both.
 */
export function parseQuery<T>(
  request: Pick<HttpRequest, "query" | "repeated">,
  parse: (query: Readonly<Record<string, string>>) => T,
): T {
  const { query, repeated } = request;
  if (repeated.length === 0) return parse(query);
  const names = new Set(repeated.map(({ pointer }) => pointer));
  const others = faultsOf(() => parse(query)).filter(({ pointer }) => !names.has(pointer));
  throw new ServiceError("INVALID_REQUEST", "Some parameters are not as expected.", {
    faults: [...repeated, ...others],
  });
}

function faultsOf(parse: () => unknown): readonly InputFault[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (error instanceof ServiceError && error.code === "INVALID_REQUEST") return error.faults;
    throw error;
  }
}
