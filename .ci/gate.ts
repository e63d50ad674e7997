/**
 * `node .ci/gate.ts OUTCOMES STATUS`: judges a run of all tests that ended with this exit status. On a
 * machine that is busy with other work a test may fail that is sound, so each file that failed runs
 * once more, alone; what passes only then is listed, for somebody to mend it.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { failedFiles, judge } from "./judge.ts";
import { OUTCOMES_VARIABLE, type Outcomes } from "./outcomes.ts";

/** When more files than these failed, it was not the machine. */
const MAX_AGAIN = 12;

const [path = "", status = "unknown"] = process.argv.slice(2);
const first = read(path);
const files = failedFiles(first);
const again = files.length > MAX_AGAIN ? [] : files.map((file) => runAlone(file));
const { lines, isPassed } = judge(first, again, Number(status));
process.stdout.write(`\n${lines.join("\n")}\n`);
process.exitCode = isPassed ? 0 : 1;

function runAlone(file: string): Outcomes {
  process.stdout.write(`\n== once more, alone: ${file}\n`);
  const outcomes = `${path}.again`;
  rmSync(outcomes, { force: true });
  spawnSync(
    // As npm's scripts have it: with the Node.js of the development dependencies.
    "npm",
    `exec -- vitest run ${file} --maxWorkers=1 --reporter=default --reporter=./.ci/outcomes.ts`.split(
      " ",
    ),
    { stdio: "inherit", env: { ...process.env, [OUTCOMES_VARIABLE]: outcomes } },
  );
  // Without any, the first run counts.
  return existsSync(outcomes) ? read(outcomes) : { files: [], strayErrors: [] };
}

function read(outcomes: string): Outcomes {
  return JSON.parse(readFileSync(outcomes, "utf8")) as Outcomes;
}
