/**
 * Runs before each command, on whatever Node.js there is: says what to do when it is too old for the
 * rest, or when nothing is installed yet.
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

// The commands are TypeScript, which Node.js runs as it is from 22.18 on.
const OLDEST = [22, 18];

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
const isInstalled = existsSync(
  fileURLToPath(new URL("../node_modules/serverless", import.meta.url)),
);

if (!isInstalled) stop("Nothing is installed yet. Run: npm ci");
if (isOld)
  stop(`Node.js ${process.versions.node} is too old. Run it through npm, which has its own.`);

/** @param {string} advice */
function stop(advice) {
  process.stderr.write(`${advice}\n`);
  process.exit(1);
}
