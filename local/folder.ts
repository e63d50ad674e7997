/**
 * Where everything on this machine is kept: one folder, `.local` beside package.json. The only reader
 * of `LOCAL_DIR`, which moves it (tests give each stack its own).
 */

import { join, relative, resolve } from "node:path";

/** Absolute paths; nothing here is created by asking for it. */
export interface LocalFolder {
  readonly root: string;
  /** The database engine's own files. */
  readonly dynamodb: string;
  readonly pushgateway: string;
  /** The URLs it had, see `follow-pushgateway.ts`. */
  readonly pushgatewayUrls: string;
  /** The embedded broker's topics. */
  readonly kafka: string;
  /** Batches of Kafka's records that were given up. */
  readonly undelivered: string;
  readonly prometheus: string;
  readonly logs: string;
  /** Who runs here now, see `stack-file.ts`. */
  readonly stackFile: string;
  /** How far each file was loaded, one small JSON file per trade file. */
  readonly loads: string;
  /** Which day of sample trades was begun, and whether it is complete. */
  readonly samples: string;
}

/** The folder with package.json, whatever the working directory is. */
export const PROJECT = resolve(import.meta.dirname, "..");

export function localFolder(
  variables: Readonly<Record<string, string | undefined>> = process.env,
): LocalFolder {
  const root = resolve(PROJECT, variables["LOCAL_DIR"] || ".local");
  return {
    root,
    dynamodb: join(root, "dynamodb"),
    pushgateway: join(root, "pushgateway"),
    pushgatewayUrls: join(root, "pushgateway", "urls.json"),
    kafka: join(root, "kafka"),
    undelivered: join(root, "undelivered"),
    prometheus: join(root, "prometheus"),
    logs: join(root, "logs"),
    stackFile: join(root, "stack.json"),
    loads: join(root, "loads"),
    samples: join(root, "sample-trades.json"),
  };
}

/** A path as people type it: relative to where they stand when that is shorter. */
export function shortPath(path: string, from: string = process.cwd()): string {
  const near = relative(from, path);
  return near.length < path.length ? near || "." : path;
}
