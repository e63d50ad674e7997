/**
 * Functions bundled as serverless.yml says, for benches that hold what is packaged against what could
 * have been.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { parse } from "yaml";
import { PROJECT } from "../local/folder.ts";

export interface BundleOptions {
  /** Where the bundle goes: an ES module. */
  readonly outfile: string;
  /** A function of the service by its name; or a module of its own by its source. */
  readonly entry: { readonly functionName: string } | { readonly source: string };
  /** Modules to take instead of others: paths within the project. */
  readonly instead?: Readonly<Record<string, string>>;
  /** Which of the aliases in serverless.yml to use. Default: all. */
  readonly isWantedAlias?: (from: string) => boolean;
}

/** Bundles a function. @returns its path. */
export async function bundleFunction(options: BundleOptions): Promise<string> {
  const { outfile, entry, instead = {}, isWantedAlias = () => true } = options;
  const { target, format, mainFields, banner, alias } = readSettings();
  await build({
    ...("source" in entry
      ? { stdin: { contents: entry.source, resolveDir: PROJECT, loader: "ts" } }
      : { entryPoints: [join(PROJECT, `functions/${entry.functionName}.ts`)] }),
    absWorkingDir: PROJECT,
    bundle: true,
    minify: true,
    platform: "node",
    target,
    format,
    mainFields: [...mainFields],
    banner,
    alias: Object.fromEntries(Object.entries(alias).filter(([from]) => isWantedAlias(from))),
    plugins: [replaceModules(instead)],
    outfile,
    logLevel: "error",
  });
  return outfile;
}

interface Settings {
  readonly target: string;
  readonly format: "esm";
  readonly mainFields: readonly string[];
  readonly banner: Record<string, string>;
  readonly alias: Readonly<Record<string, string>>;
}

function readSettings(): Settings {
  const text = readFileSync(join(PROJECT, "serverless.yml"), "utf8");
  // CloudFormation's tags are not known here, and not needed.
  const parsed = parse(text, { logLevel: "silent" }) as { custom: { esbuild: Settings } };
  return parsed.custom.esbuild;
}

function replaceModules(instead: Readonly<Record<string, string>>): Plugin {
  const paths = new Map(
    Object.entries(instead).map(([from, to]) => [join(PROJECT, from), join(PROJECT, to)]),
  );
  return {
    name: "replace-modules",
    setup(build) {
      build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
        const to = paths.get(join(resolveDir, path));
        return to === undefined ? undefined : { path: to };
      });
    },
  };
}
