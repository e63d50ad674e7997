/**
 * What the init phase of list-trades takes, as it is packaged: its module's import in a fresh process,
 * beside a bundle that has nothing but a DynamoDB client and one command, bundled the same way; and
 * beside list-trades without metrics.
 *
 *   node bench/cold-start.ts [--runs 15]
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { interleave, load, machine, median, ratio, report } from "./figures.ts";
import { bundleFunction } from "./function-bundle.ts";

const MAX_BUNDLE_BYTES = 300_000;
const MAX_RATIO = 1.35;

const BARE_CLIENT = `
  import { DynamoDBClient, QueryCommand } from "@aws-sdk/client-dynamodb";
  const client = new DynamoDBClient({ region: "us-east-1" });
  export const handler = (event) => client.send(new QueryCommand(event));
`;

/** Prints what an import took: milliseconds by the clock, and of CPU. */
const IMPORT = `
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  await import(process.argv[1]);
  const { user, system } = process.cpuUsage(before);
  const took = [performance.now() - startedMs, (user + system) / 1_000];
  process.stdout.write(JSON.stringify(took), () => process.exit());
`;

await runCommand("node bench/cold-start.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({ args: [...argv], options: { runs: { type: "string" } } });
  const runs = numberOption("runs", values.runs, { min: 1, max: 1_000, fallback: 15 });
  const folder = mkdtempSync(join(tmpdir(), "k2-bench-"));
  try {
    const entry = { functionName: "list-trades" };
    const bundles = {
      "bare client": { entry: { source: BARE_CLIENT } },
      "list-trades without metrics": {
        entry,
        instead: { "lib/measured.ts": "bench/unmeasured.ts" },
      },
      "list-trades": { entry },
    };
    console.log(`${machine()}, ${load()}\n\nimport in a fresh process, medians of ${runs}`);
    const paths = new Map<string, string>();
    for (const [name, options] of Object.entries(bundles)) {
      const outfile = join(folder, `${name.replaceAll(" ", "-")}.mjs`);
      paths.set(name, await bundleFunction({ ...options, outfile }));
    }
    await compare(paths, runs);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(paths: ReadonlyMap<string, string>, runs: number): Promise<void> {
  const imports = Object.fromEntries(
    [...paths].map(([name, path]) => [name, () => Promise.resolve(importTime(path))]),
  );
  await interleave(1, imports); // Fills the file system's cache.
  const times = await interleave(runs, imports);
  const medians = new Map(
    Object.entries(times).map(([name, all]) => [
      name,
      { ms: median(all.map(({ ms }) => ms)), cpuMs: median(all.map(({ cpuMs }) => cpuMs)) },
    ]),
  );
  for (const [name, { ms, cpuMs }] of medians) {
    const bytes = statSync(paths.get(name) ?? "").size;
    console.log(
      `  ${name.padEnd(28)} ${ms.toFixed(1).padStart(6)} ms, CPU ${cpuMs.toFixed(1).padStart(6)} ms, ${Math.round(bytes / 1_000)} KB`,
    );
  }
  const cpuOf = (name: string) => medians.get(name)?.cpuMs ?? Number.NaN;
  const bytes = statSync(paths.get("list-trades") ?? "").size;
  report([
    // CPU time: another's load on the machine does not count.
    ratio(
      "cold start: import of list-trades ÷ of a bare DynamoDB client",
      cpuOf("list-trades") / cpuOf("bare client"),
      MAX_RATIO,
    ),
    {
      what: "bundle of list-trades",
      found: `${Math.round(bytes / 1_000)} KB`,
      target: `≤ ${MAX_BUNDLE_BYTES / 1_000} KB`,
      isMet: bytes <= MAX_BUNDLE_BYTES,
    },
  ]);
}

function importTime(path: string): { ms: number; cpuMs: number } {
  const script = ["--input-type=module", "--eval", IMPORT, path];
  const env = { AWS_REGION: "us-east-1", TABLE_NAME: "trades", LOG_LEVEL: "silent" };
  const [ms, cpuMs] = JSON.parse(
    execFileSync(process.execPath, script, { env, encoding: "utf8" }),
  ) as [number, number];
  return { ms, cpuMs };
}
