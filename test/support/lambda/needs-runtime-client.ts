/** For test files that run bundles under AWS's runtime client. */

import { beforeEach } from "vitest";
import { whyNoRuntimeClient } from "./runtime-client.ts";

/**
 * Call it first in a test file or a suite. Without the runtime client its tests are skipped with the
 * reason; where `CI` is set they fail with it, since there the client is mandatory.
 */
export function needsRuntimeClient(): void {
  const reason = whyNoRuntimeClient();
  if (reason === undefined) return;
  beforeEach((context) => {
    if (process.env["CI"] !== undefined) throw new Error(reason);
    context.skip(reason);
  });
}
