/** Bundles that a test writes itself: one module, in a folder that goes away with the test. */

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Bundle extends Disposable {
  readonly taskRoot: string;
  /** `index.handler`. */
  readonly handler: string;
}

/**
 * Writes `index.mjs`, and beside it `internal-extension.mjs` for it to import.
 * @param source an ES module that exports `handler`.
 */
export function writeBundle(source: string): Bundle {
  const taskRoot = mkdtempSync(join(tmpdir(), "k2-bundle-"));
  const extension = "internal-extension.mjs";
  copyFileSync(new URL(extension, import.meta.url), join(taskRoot, extension));
  writeFileSync(join(taskRoot, "index.mjs"), source);
  return {
    taskRoot,
    handler: "index.handler",
    [Symbol.dispose]: () => rmSync(taskRoot, { recursive: true, force: true }),
  };
}
