/** What a call throws that refuses its input. */

import { ServiceError } from "../../lib/errors.ts";

/** @throws when the call does not throw a `ServiceError`. */
export function refusalOf(call: () => unknown): ServiceError {
  try {
    call();
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
