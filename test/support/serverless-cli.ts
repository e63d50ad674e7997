/** The `serverless` command as people run it, on an AWS that a test stands in for. */

import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../..");
const OSLS = join(ROOT, "node_modules/serverless/bin/serverless.js");
const TIMEOUT_MS = 240_000;

export interface ServerlessOptions {
  /** Stands for all of AWS's endpoints. */
  readonly endpoint: string;
  /** For what it writes: its bundles and its own notes. */
  readonly folder: string;
}

/**
 * Runs `serverless ARGS`; answers what it printed.
 * @throws {Error} with what it printed when it failed.
 */
export async function runServerless(
  args: readonly string[],
  { endpoint, folder }: ServerlessOptions,
): Promise<string> {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [OSLS, ...args], {
    cwd: ROOT,
    timeout: TIMEOUT_MS,
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      BUILD_DIR: relative(ROOT, join(folder, "build")),
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      // How long it waits between looks at the stack, in milliseconds.
      SLS_AWS_MONITORING_FREQUENCY: "200",
    },
  });
  return stdout + stderr;
}
