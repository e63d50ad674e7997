/**
 * Where pushes go, and what is known of one afterwards.
 */

import type { OutgoingHttpHeaders } from "node:http";
import type { LabelSet } from "../family.ts";

/**
 * What is known of a push: it arrived, it certainly did not, or it may have. One that arrived after a
 * reset was sent twice, and the first may yet be applied: nothing else may follow under its key.
 */
export type PushOutcome =
  | { readonly outcome: "acknowledged"; readonly isAfterReset?: boolean }
  | { readonly outcome: "refused"; readonly status?: number; readonly detail: string }
  | { readonly outcome: "unanswered"; readonly detail: string };

/** PUT replaces the whole group, POST the families in the body. */
export type PushMethod = "put" | "post";

/** A push as a plain HTTP request, for who sends it another way. */
export interface PushRequest {
  readonly method: string;
  readonly url: string;
  /** Credentials among them. */
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
}

/** Where pushes go: a Pushgateway, of which a pusher needs no more. */
export interface PushTarget {
  readonly url: string;
  /** Replaces the whole group. */
  put(key: LabelSet, body: string, options: { timeoutMs: number }): Promise<PushOutcome>;
  /** Replaces the families in the body. */
  post(key: LabelSet, body: string, options: { timeoutMs: number }): Promise<PushOutcome>;
  /** The request that `put` or `post` would send. @throws for a key that can't be pushed. */
  toRequest(method: PushMethod, key: LabelSet, body: string): PushRequest;
}

/** Whether the Pushgateway refused the payload itself, and so certainly changed nothing. */
export function isRejection(
  outcome: PushOutcome,
): outcome is { readonly outcome: "refused"; readonly status: 400; readonly detail: string } {
  return outcome.outcome === "refused" && outcome.status === 400;
}
