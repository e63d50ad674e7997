/**
 * Where AWS's own Node.js runtime client is installed. It compiles libcurl, so it isn't part of
 * `npm ci`: `.ci/lambda-runtime/install.sh` puts it into `.ci/cache/lambda-runtime`.
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** The Node.js that the bundles run under: the one in devDependencies, as on Lambda. */
export const NODE = `${ROOT}node_modules/.bin/node`;

/** The folder of `aws-lambda-ric`, whether it is installed or not. */
export const RUNTIME_CLIENT_DIR = `${ROOT}.ci/cache/lambda-runtime/node_modules/aws-lambda-ric`;

/** Says why bundles can't be run under the runtime client; undefined if they can. */
export function whyNoRuntimeClient(dir: string = RUNTIME_CLIENT_DIR): string | undefined {
  if (existsSync(`${dir}/rapid-client.node`)) return undefined;
  return `AWS's runtime client is not in ${dir}; run .ci/lambda-runtime/install.sh`;
}
