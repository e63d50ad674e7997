/** What was recorded, as the processes of a run wrote it down themselves, part by part. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RecordedPart } from "./sums.ts";

/** Each process's parts, in the order in which it recorded them. @param folder of their files. */
export function readTruth(folder: string): Map<string, readonly RecordedPart[]> {
  return new Map(
    readdirSync(folder).map((process) => [
      process,
      readFileSync(join(folder, process), "utf8").trimEnd().split("\n").map(parsePart),
    ]),
  );
}

/** A line is written by one call, so that none is ever cut. */
function parsePart(line: string): RecordedPart {
  const [number, part] = line.split(" ").map(Number);
  if (number === undefined || (part !== 1 && part !== 2)) throw new Error(`truth: "${line}"`);
  return { number, part };
}
