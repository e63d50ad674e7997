/**
 * A Lambda function that records metrics, bundled from the real code, for the stand-in to run.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Bundle } from "./lambda/bundle.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface MeasuredFunctionOptions {
  readonly pushgatewayUrl: string;
  readonly strategy?: "everyInvocation" | "adaptive({ intervalMs: 60_000 })";
  readonly isMultiConcurrent?: boolean;
  /** Default 10,000: no machine is so slow. */
  readonly pushTimeoutMs?: number;
  /** Default 10,000. */
  readonly exitTimeoutMs?: number;
  /** Default 10,000. */
  readonly shutdownTimeoutMs?: number;
  /** Source of the module's handler, where that is not `measured` itself. */
  readonly wrap?: string;
  /** Source between `measured` and the handler; it may `await open(component, handler)` others. */
  readonly beside?: string;
  /** Source that the module runs at the end of its init phase; it may use `environment`. */
  readonly atInit?: string;
}

/**
 * Bundles a function as the packaged ones are: one ES module.
 * @param handler source of an async function of `event`, `context` and `metrics`.
 */
export async function bundleMeasured(
  handler: string,
  options: MeasuredFunctionOptions,
): Promise<Bundle> {
  const {
    strategy = "everyInvocation",
    isMultiConcurrent = false,
    pushTimeoutMs = 10_000,
    exitTimeoutMs = 10_000,
    shutdownTimeoutMs = 10_000,
    wrap = "measured",
    beside = "",
    atInit = "",
  } = options;
  const taskRoot = mkdtempSync(join(tmpdir(), "k2-measured-"));
  await build({
    stdin: {
      resolveDir: ROOT,
      loader: "ts",
      contents: `
        import { createLog } from "./lib/log.ts";
        import { openEnvironment } from "./lib/metrics/flush/environment.ts";
        import { openFlusher } from "./lib/metrics/flush/flusher.ts";
        import { openPushgateway } from "./lib/metrics/read/pushgateway.ts";
        import { adaptive, everyInvocation } from "./lib/metrics/flush/strategy.ts";
        import { withMetrics } from "./lib/metrics/flush/with-metrics.ts";
        const open = async (component, handler) => {
          const environment = openEnvironment({
            service: "measured", stage: "test", component, version: "1", log: createLog(),
            targets: [openPushgateway({ url: ${JSON.stringify(options.pushgatewayUrl)} })],
            pushTimeoutMs: ${pushTimeoutMs},
          });
          const flusher = await openFlusher({
            environment, strategy: ${strategy}, intervalMs: 50,
            isMultiConcurrent: ${isMultiConcurrent},
            exitTimeoutMs: ${exitTimeoutMs},
            shutdownTimeoutMs: ${shutdownTimeoutMs},
            runtimeApi: process.env.AWS_LAMBDA_RUNTIME_API,
          });
          return { environment, flusher, measured: withMetrics(environment, flusher, handler) };
        };
        const { environment, flusher, measured } = await open("fn", ${handler});
        ${beside}
        export const handler = ${wrap};
        void adaptive; void everyInvocation;
        ${atInit}
      `,
    },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    outfile: join(taskRoot, "index.mjs"),
    logLevel: "error",
  });
  return {
    taskRoot,
    handler: "index.handler",
    [Symbol.dispose]: () => rmSync(taskRoot, { recursive: true, force: true }),
  };
}
