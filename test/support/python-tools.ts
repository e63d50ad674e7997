/** The tools that `.ci/python-tools/install.sh` installs: cfn-lint, moto's server, schemathesis. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach } from "vitest";

const FOLDER = join(import.meta.dirname, "../../.ci/python-tools");
const INSTALLED = join(import.meta.dirname, "../../.ci/cache/python-tools");

/** The installed Python; `-m MODULE` runs a tool. */
export const PYTHON = join(INSTALLED, "bin/python");

/** moto's server as the tests run it. */
export const MOTO_SERVER = join(FOLDER, "moto-server.py");

/** Path of an installed command. */
export function pythonTool(name: string): string {
  return join(INSTALLED, "bin", name);
}

/** Why the tools can't be used; undefined when they can. */
export function whyNoPythonTools(): string | undefined {
  return existsSync(join(INSTALLED, "installed-for"))
    ? undefined
    : "needs .ci/python-tools/install.sh to have run";
}

/**
 * Call it first in a test file or a suite. Without the tools its tests are skipped with the reason;
 * where `CI` is set they fail with it, since there the tools are mandatory.
 */
export function needsPythonTools(): void {
  const reason = whyNoPythonTools();
  if (reason === undefined) return;
  beforeEach((context) => {
    if (process.env["CI"] !== undefined) throw new Error(reason);
    context.skip(reason);
  });
}
