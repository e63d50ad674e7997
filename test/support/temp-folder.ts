/** A folder of its own for each test, gone afterwards. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Makes it; to be called inside a test. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "k2-trades-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
