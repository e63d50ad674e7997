/**
 * A bound on the time a responder may take, so that the caller gets an answer and not the
 * gateway's timeout.
 */

import { ServiceError } from "../errors.ts";

/**
 * Settles as `work` does, unless that takes longer than `limitMs`; the work itself goes on.
 * @throws {ServiceError} `UNAVAILABLE` when the time is over.
 */
export async function withinDeadline<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const detail = "The answer took too long.";
    reject(new ServiceError("UNAVAILABLE", detail, { retryAfterSeconds: 1 }));
  }, limitMs);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
