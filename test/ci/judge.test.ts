import { describe, expect, it } from "vitest";
import { failedFiles, judge } from "../../.ci/judge.ts";
import type { FileOutcome, Outcomes, TestOutcome } from "../../.ci/outcomes.ts";

type State = TestOutcome["state"];

/** A file with a test of each of these states, named by its place. */
function file(path: string, states: readonly State[], isPassed?: boolean): FileOutcome {
  const tests = states.map((state, at) => ({ name: `t${at}`, state }));
  return { path, tests, isPassed: isPassed ?? !states.includes("failed") };
}

function run(...files: readonly FileOutcome[]): Outcomes {
  return { files, strayErrors: [] };
}

const sound = file("a.test.ts", ["passed", "passed"]);
const flaky = file("b.test.ts", ["passed", "failed"]);

describe("the verdict over a run of all tests", () => {
  it.each<[fact: string, first: Outcomes, again: readonly Outcomes[], lines: readonly string[]]>([
    ["all passed", run(sound), [], ["2 passed, 0 failed"]],
    [
      "what failed first and passed alone passes, and is listed",
      run(sound, flaky),
      [run(file("b.test.ts", ["passed", "passed"]))],
      ["failed first, passed alone: b.test.ts: t1", "4 passed, 0 failed"],
    ],
    [
      "what failed again fails",
      run(sound, flaky),
      [run(flaky)],
      ["failed: b.test.ts: t1", "3 passed, 1 failed"],
    ],
    [
      "what passed first and failed alone fails",
      run(flaky),
      [run(file("b.test.ts", ["failed", "passed"]))],
      ["failed: b.test.ts: t0", "1 passed, 1 failed"],
    ],
    [
      "what was skipped fails, and so does what never ended",
      run(file("b.test.ts", ["passed", "skipped", "pending"])),
      [],
      ["skipped: b.test.ts: t1", "pending: b.test.ts: t2", "1 passed, 2 failed"],
    ],
    [
      "a file that could not be read is one failure",
      run(sound, file("b.test.ts", [], false)),
      [run(file("b.test.ts", [], false))],
      ["failed: b.test.ts: outside of its tests", "2 passed, 1 failed"],
    ],
    [
      "a hook that failed once is listed too",
      run(file("b.test.ts", ["passed"], false)),
      [run(file("b.test.ts", ["passed"]))],
      ["failed first, passed alone: b.test.ts: outside of its tests", "1 passed, 0 failed"],
    ],
    [
      "a test that is gone in the second run has not passed",
      run(flaky),
      [run(file("b.test.ts", ["passed"]))],
      ["failed: b.test.ts: t1: not there in the second run", "1 passed, 1 failed"],
    ],
    [
      "without a second run the first one counts",
      run(sound, flaky),
      [],
      ["failed: b.test.ts: t1", "3 passed, 1 failed"],
    ],
    [
      "an error that no test caught fails, whatever the tests say",
      { ...run(sound), strayErrors: ["nobody waited"] },
      [],
      ["error outside of a test: nobody waited", "2 passed, 1 failed"],
    ],
    ["a run without tests is none", run(), [], ["0 passed, 0 failed"]],
  ])("%s", (_fact, first, again, lines) => {
    const hasFailed = failedFiles(first).length > 0 || first.strayErrors.length > 0;
    const verdict = judge(first, again, hasFailed ? 1 : 0);
    expect(verdict.lines).toEqual(lines);
    const isPassed = lines.at(-1)?.endsWith(" 0 failed") === true && first.files.length > 0;
    expect(verdict.isPassed).toBe(isPassed);
  });

  it("fails where npm test failed and no test did, and says so", () => {
    expect(judge(run(sound), [], 137)).toEqual({
      lines: ["npm test ended with 137, and no test failed", "2 passed, 1 failed"],
      isPassed: false,
    });
    expect(judge(run(sound), [], Number("x")).isPassed).toBe(false);
  });

  it("gives a second run to files that failed, and to no other", () => {
    expect(failedFiles(run(sound, flaky, file("c.test.ts", ["skipped"])))).toEqual(["b.test.ts"]);
  });
});
