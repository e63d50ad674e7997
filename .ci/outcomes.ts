/**
 * A reporter for Vitest that writes down what became of each test, for the gate. Its own JSON reporter
 * leaves out errors that belong to no test.
 */

import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

export interface TestOutcome {
  /** With the names of what it stands in. */
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped" | "pending";
}

export interface FileOutcome {
  /** From the project's folder. */
  readonly path: string;
  /** False too when all its tests passed and a hook did not, or an error of it came from none. */
  readonly isPassed: boolean;
  readonly tests: readonly TestOutcome[];
}

export interface Outcomes {
  readonly files: readonly FileOutcome[];
  /** Messages of errors that belong to no file. */
  readonly strayErrors: readonly string[];
}

/** Where they are written to. */
export const OUTCOMES_VARIABLE = "TEST_OUTCOMES";

/** A class since Vitest makes one of what a file of this kind exports. */
export default class OutcomesReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const stray = new Set(errors);
    const files = modules.map((module): FileOutcome => {
      const own = errors.filter((error) => isOf(module, error));
      for (const error of own) stray.delete(error);
      return {
        path: relative(process.cwd(), module.moduleId),
        isPassed: module.state() === "passed" && own.length === 0,
        tests: [...module.children.allTests()].map((test) => ({
          name: test.fullName,
          state: test.result().state,
        })),
      };
    });
    const outcomes: Outcomes = { files, strayErrors: [...stray].map(({ message }) => message) };
    writeFileSync(process.env[OUTCOMES_VARIABLE] ?? "", JSON.stringify(outcomes));
  }
}

/** An error that no test caught says which file it came from; one of a worker that did not start names it. */
function isOf({ moduleId }: TestModule, error: SerializedError): boolean {
  return error["VITEST_TEST_PATH"] === moduleId || error.message.includes(moduleId);
}
