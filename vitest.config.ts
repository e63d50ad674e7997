import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/fixed-seed.ts"],
    // Last resorts for a machine that is busy with other work; no test is to be decided by them.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    pool: "forks",
    // More than the cores of a small machine: most files wait for the servers they start.
    maxWorkers: 3,
  },
});
