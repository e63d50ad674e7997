/**
 * How many pushes one busy environment makes with the adaptive strategy: show-index as it is packaged,
 * under AWS's own runtime client, invoked 100 times a second.
 *
 *   node bench/adaptive.ts [--seconds 10]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { apiEvent } from "../test/support/api-event.ts";
import { startFaultyProxy } from "../test/support/faulty-proxy.ts";
import { createFunction, type LambdaFunction } from "../test/support/lambda/lambda-function.ts";
import { load, machine, report } from "./figures.ts";
import { realPushgateway } from "./fleet.ts";
import { bundleFunction } from "./function-bundle.ts";

const INVOCATIONS_A_SECOND = 100;
const INTERVAL_MS = 1_000;
const MAX_PUSHES_A_SECOND = 1;

await runCommand("node bench/adaptive.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({ args: [...argv], options: { seconds: { type: "string" } } });
  const seconds = numberOption("seconds", values.seconds, { min: 1, max: 600, fallback: 10 });
  console.log(`${machine()}, ${load()}`);
  const folder = mkdtempSync(join(tmpdir(), "k2-bench-"));
  const pushgateway = await realPushgateway().start();
  const proxy = await startFaultyProxy({ target: pushgateway.url });
  await bundleFunction({
    outfile: join(folder, "index.mjs"),
    entry: { functionName: "show-index" },
  });
  const lambda = createFunction({
    taskRoot: folder,
    handler: "index.handler",
    maxEnvironments: 1,
    variables: {
      PUSHGATEWAY_URL: proxy.url,
      METRICS_STRATEGY: "adaptive",
      METRICS_FLUSH_INTERVAL_MS: String(INTERVAL_MS),
      LOG_LEVEL: "silent",
    },
  });
  try {
    await invokeFor(2, lambda); // It has to prove busy first.
    const before = proxy.requests.length;
    const { invocations, elapsedSeconds } = await invokeFor(seconds, lambda);
    const pushes = (proxy.requests.length - before) / elapsedSeconds;
    const rate = Math.round(invocations / elapsedSeconds);
    report([
      {
        what: `pushes a second of one environment at ${rate} invocations a second, adaptive`,
        found: pushes.toFixed(2),
        target: `≤ ${MAX_PUSHES_A_SECOND} at an interval of 1 s`,
        isMet: pushes <= MAX_PUSHES_A_SECOND,
      },
    ]);
    return 0;
  } finally {
    await lambda.close();
    await proxy.close();
    await pushgateway.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Invokes at the given rate, one after the other. */
async function invokeFor(
  seconds: number,
  lambda: LambdaFunction,
): Promise<{ invocations: number; elapsedSeconds: number }> {
  const startedMs = performance.now();
  const count = seconds * INVOCATIONS_A_SECOND;
  for (let i = 0; i < count; i += 1) {
    const dueMs = startedMs + (i * 1_000) / INVOCATIONS_A_SECOND;
    if (dueMs > performance.now()) await delay(dueMs - performance.now());
    const result = await lambda.invoke(apiEvent({ route: "/" }));
    if (!result.payload.includes('"statusCode":200')) throw new Error(result.payload);
    await result.finished;
  }
  return { invocations: count, elapsedSeconds: (performance.now() - startedMs) / 1_000 };
}
