/** A minute of traffic in CI, a few seconds elsewhere: exact at the end, and nothing leaks. */

import { expect, it } from "vitest";
import { soak } from "../../bench/soak.ts";
import { faultsOf } from "../../bench/soak-verdict.ts";

const SECONDS = process.env["CI"] === undefined ? 15 : 60;

it(
  "counts every answer, and holds no more at the end than when it was warm",
  async () => {
    const result = await soak({ seconds: SECONDS, rate: 40, seed: "test", report: () => {} });
    expect(faultsOf(result)).toEqual([]);
    const answers = Object.values(result.sent).reduce((all, count) => all + count, 0);
    expect(answers).toBeGreaterThan(SECONDS);
    expect(result.produced).toBeGreaterThan(0);
  },
  (SECONDS + 480) * 1_000,
);
