/**
 * Keeps the groups of the embedded Pushgateway in a file, so that the local stack has them again
 * after a restart.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { formatGoNumber, parseGoNumber } from "./go-number.ts";
import type { StoredFamily, StoredGroup } from "./group-store.ts";

/** How it is written down; `version` changes with the shape. */
interface File {
  readonly version: 1;
  readonly groups: readonly {
    readonly key: StoredGroup["key"];
    readonly families: readonly StoredFamily[];
  }[];
}

/** What JSON has no number for. */
interface OddNumber {
  readonly number: string;
}

/**
 * Reads the groups of a file; none when there is no file.
 * @throws {Error} naming the file when it holds something else.
 */
export function loadGroups(path: string): StoredGroup[] {
  if (!existsSync(path)) return [];
  try {
    const { version, groups } = JSON.parse(readFileSync(path, "utf8"), revive) as File;
    if (version !== 1) throw new Error(`version ${String(version)}`);
    return groups.map(({ key, families }) => ({
      key,
      families: new Map(families.map((stored) => [stored.family.name, stored])),
    }));
  } catch (error) {
    throw new Error(`${path}: expected groups of the embedded Pushgateway`, { cause: error });
  }
}

/** Replaces the file in one step: a crash leaves the old one or the new one. */
export function saveGroups(path: string, groups: Iterable<StoredGroup>): void {
  const file: File = {
    version: 1,
    groups: [...groups].map(({ key, families }) => ({ key, families: [...families.values()] })),
  };
  writeFileSync(`${path}.new`, JSON.stringify(file, replace));
  renameSync(`${path}.new`, path);
}

function replace(_key: string, value: unknown): unknown {
  if (typeof value !== "number") return value;
  const isOdd = !Number.isFinite(value) || Object.is(value, -0);
  return isOdd ? ({ number: formatGoNumber(value) } satisfies OddNumber) : value;
}

/** A label named `number` stands in a label set, where no number can be. */
function revive(this: unknown, key: string, value: unknown): unknown {
  const isOdd = key !== "labels" && key !== "key" && isOddNumber(value);
  return isOdd ? parseGoNumber(value.number) : value;
}

function isOddNumber(value: unknown): value is OddNumber {
  const isObject = typeof value === "object" && value !== null && Object.keys(value).length === 1;
  return isObject && "number" in value && typeof value.number === "string";
}
