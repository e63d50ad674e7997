/**
 * Loaded into the functions' process before anything else: once `USAGE_FILE` is there it gets a line
 * every `USAGE_MS` with what the process holds. Garbage is collected first, so that memory is what is
 * held and not what was; the framework does not start where that happens while it does.
 */

import { appendFileSync, existsSync, readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const { USAGE_FILE = "", USAGE_MS = "2000" } = process.env;

/** Of its time it spends no more than a fifth here, however slow the machine is. */
const REST = 4;

/** The stack starts others too; the functions are in the framework's. */
if (process.argv[1]?.includes("serverless/bin/")) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const sample = () => {
    const beganAt = performance.now();
    if (existsSync(USAGE_FILE)) {
      collect();
      appendFileSync(USAGE_FILE, `${JSON.stringify(usage())}\n`);
    }
    const tookMs = performance.now() - beganAt;
    setTimeout(sample, Math.max(Number(USAGE_MS), REST * tookMs)).unref();
  };
  sample();
}

function usage() {
  const { heapUsed, external } = process.memoryUsage();
  const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const handles = readdirSync("/proc/self/fd").length;
  return { memoryBytes: heapUsed + external, handles, timers };
}
