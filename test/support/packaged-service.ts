/**
 * The service as `npm run package` makes it: its template, its zips, and their functions at work.
 */

import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import yauzl from "yauzl";

const ROOT = join(import.meta.dirname, "../..");
const OSLS = join(ROOT, "node_modules/serverless/bin/serverless.js");

/** A resource of the template. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, any>>;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: readonly string[];
}

export interface PackagedService {
  readonly resources: Readonly<Record<string, Resource>>;
  /** The whole template as text. */
  readonly template: string;
  /** Files in a function's zip, by path. */
  unzip(functionName: string): Promise<ReadonlyMap<string, Buffer>>;
  /**
   * Answers these events with a function's bundle, in a process of its own whose environment is
   * `variables` and nothing else.
   */
  invoke(
    functionName: string,
    variables: Readonly<Record<string, string>>,
    events: readonly unknown[],
  ): Promise<unknown[]>;
  /** As `invoke`, but answers all that the function wrote, as Lambda would log it. */
  logOf(
    functionName: string,
    variables: Readonly<Record<string, string>>,
    events: readonly unknown[],
  ): Promise<string>;
  remove(): void;
}

export interface PackageOptions {
  /** Default `dev`. */
  readonly stage?: string;
  readonly params?: Readonly<Record<string, string>>;
}

/** Packages the service into a folder of its own, as without an AWS account. */
export function packageService({
  stage = "dev",
  params = {},
}: PackageOptions = {}): PackagedService {
  const folder = mkdtempSync(join(tmpdir(), "k2-package-"));
  const out = join(folder, "out");
  const flags = Object.entries(params).map(([name, value]) => `--param=${name}=${value}`);
  execFileSync(process.execPath, [OSLS, "package", "--package", out, "--stage", stage, ...flags], {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      // The bundler takes it from the service's folder on.
      BUILD_DIR: relative(ROOT, join(folder, "build")),
    },
    stdio: "pipe",
  });
  const template = readFileSync(join(out, "cloudformation-template-update-stack.json"), "utf8");
  const { Resources } = JSON.parse(template) as { Resources: PackagedService["resources"] };
  const unzip = (functionName: string) => readZip(join(out, `${functionName}.zip`));
  const run: Run = async (functionName, variables, events) => {
    const files = await unzip(functionName);
    const home = join(folder, functionName);
    for (const [path, content] of files) {
      mkdirSync(join(home, dirname(path)), { recursive: true });
      writeFileSync(join(home, path), content);
    }
    const bundle = join(home, `functions/${functionName}.mjs`);
    return runBundle(bundle, { ...variables, HOME: home }, events);
  };
  return {
    resources: Resources,
    template,
    unzip,
    invoke: async (...args) => {
      const { stdout } = await run(...args);
      return JSON.parse(stdout.split("\n").at(-1) ?? "") as unknown[];
    },
    logOf: async (...args) => {
      const { stdout, stderr } = await run(...args).catch((error: Output) => error);
      return stdout + stderr;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Runs in the child: the bundle's handler, once for each event. */
const INVOKER = `
  const [bundle, events] = process.argv.slice(1);
  const { readFileSync } = await import("node:fs");
  const { handler } = await import(bundle);
  const context = { getRemainingTimeInMillis: () => 20_000 };
  const results = [];
  for (const event of JSON.parse(readFileSync(events))) results.push((await handler(event, context)) ?? null);
  process.stdout.write("\\n" + JSON.stringify(results), () => process.exit());
`;

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

type Run = (
  functionName: string,
  variables: Readonly<Record<string, string>>,
  events: readonly unknown[],
) => Promise<Output>;

async function runBundle(
  bundle: string,
  env: Readonly<Record<string, string>>,
  events: readonly unknown[],
): Promise<Output> {
  const script = ["--input-type=module", "--eval", INVOKER];
  // A command line does not take as much as a request.
  const eventsPath = `${bundle}.events.json`;
  writeFileSync(eventsPath, JSON.stringify(events));
  return promisify(execFile)(process.execPath, [...script, bundle, eventsPath], {
    env,
    timeout: 60_000,
  });
}

/** Files in a zip, by path. */
export async function readZip(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
  const files = new Map<string, Buffer>();
  try {
    for await (const entry of zip.eachEntry()) {
      const stream = await zip.openReadStreamPromise(entry);
      files.set(entry.fileName, Buffer.concat(await Array.fromAsync(stream)));
    }
  } finally {
    zip.close();
  }
  return files;
}
