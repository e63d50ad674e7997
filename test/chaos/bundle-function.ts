/** Bundles a function of the chaos run as `npm run package` bundles the service's own. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type BuildOptions } from "esbuild";
import { parse } from "yaml";
import type { Bundle } from "../support/lambda/bundle.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

const ROOT = join(import.meta.dirname, "../..");

/** The bundler's options that are the plugin's own. */
const OF_PLUGIN: ReadonlySet<string> = new Set([
  "exclude",
  "outputFileExtension",
  "outputWorkFolder",
]);

/** @param name of the file in `functions/`. The caller disposes of the folder. */
export async function bundleFunction(name: "exact" | "naive"): Promise<Bundle> {
  const taskRoot = mkdtempSync(join(tmpdir(), "k2-chaos-"));
  await build({
    ...packagingOptions(),
    absWorkingDir: ROOT,
    entryPoints: [join(import.meta.dirname, "functions", `${name}.ts`)],
    outfile: join(taskRoot, "index.mjs"),
    logLevel: "error",
  });
  return {
    taskRoot,
    handler: "index.handler",
    [Symbol.dispose]: () => rmSync(taskRoot, { recursive: true, force: true }),
  };
}

function packagingOptions(): BuildOptions {
  const template = parse(readFileSync(join(ROOT, "serverless.yml"), "utf8"), {
    logLevel: "silent",
  }) as { custom: { esbuild: Record<string, unknown> } };
  const own = Object.entries(template.custom.esbuild).filter(([name]) => !OF_PLUGIN.has(name));
  return Object.fromEntries(own);
}
