/** A minute of traffic in CI, a few seconds elsewhere: exact at the end, and nothing leaks. */

import { expect, it } from "vitest";
import { growth, soak } from "../../bench/soak.ts";

const SECONDS = process.env["CI"] === undefined ? 8 : 60;

it(
  "counts every answer, and holds no more memory and sockets at the end than when it was warm",
  async () => {
    const result = await soak({ seconds: SECONDS, rate: 40, seed: "test", report: () => {} });
    expect(result.unanswered).toBe(0);
    expect(result.counted).toEqual(result.sent);
    expect(Object.values(result.sent).reduce((all, count) => all + count, 0)).toBeGreaterThan(
      SECONDS,
    );
    expect(result.produced).toBeGreaterThan(0);
    expect(result.consumed).toBe(result.produced);
    const { memoryMb, handles } = growth(result.usage);
    // A leak of one socket or 20 KB a request would show; garbage not yet collected does not.
    expect(handles).toBeLessThan(40);
    expect(memoryMb).toBeLessThan(150);
  },
  (SECONDS + 180) * 1_000,
);
