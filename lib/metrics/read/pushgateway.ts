/**
 * A Pushgateway over HTTP: pushes and reads.
 * @see https://github.com/prometheus/pushgateway#api
 */

import type { Snapshot } from "../family.ts";
import {
  connectToPushgateway,
  DEFAULT_TIMEOUT_MS,
  type CallOptions,
  type PushClient,
  type PushClientOptions,
} from "../push/push-client.ts";
import { createGroupReader } from "./read-groups.ts";

export interface Pushgateway extends PushClient {
  /**
   * All groups of a job. They are read while they are iterated, which must be done before the time
   * is over, once, and to the end: what was iterated before an error is no result.
   * @throws {ServiceError} `READ_FAILED`, also while iterating, when they can't be read in full.
   */
  readGroups(job: string, options?: CallOptions): Promise<Snapshot>;
}

/** Opens a client as `openPushClient` does, which reads too. */
export function openPushgateway(options: PushClientOptions): Pushgateway {
  const { timeoutMs: defaultTimeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const { client, connection, redact } = connectToPushgateway(options);
  const readGroups = createGroupReader({ connection, url: client.url, redact });
  return {
    ...client,
    readGroups: (job, { timeoutMs = defaultTimeoutMs, signal } = {}) =>
      readGroups(job, { timeoutMs, signal }),
  };
}
