/**
 * Reads the Prometheus text format 0.0.4 as strictly as the Pushgateway does. For the local stack and
 * for tests only.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

import { isUtf8 } from "node:buffer";
import { ServiceError } from "../../lib/errors.ts";
import type { Exposition } from "./exposition.ts";
import {
  addSample,
  finish,
  openDraft,
  setHelp,
  setType,
  SUFFIXES,
  type Draft,
} from "./family-draft.ts";
import { BLANKS, checkMetricName, expected, openCursor } from "./line-cursor.ts";
import { parseSampleLine } from "./parse-sample-line.ts";

/**
 * Reads a whole exposition. Every line must end in a line feed; a family may be spread over several
 * places. Stricter than the Pushgateway in this: no `gaugehistogram`, no negative summary count.
 * @throws {ServiceError} `INVALID_METRIC` naming the line and what was expected there.
 */
export function parseExposition(body: Buffer | string): Exposition {
  const bytes = Buffer.from(body);
  if (!isUtf8(bytes)) checkEncoding(bytes);
  const reader = createReader();
  const lines = bytes.toString().split("\n");
  const unfinished = lines.pop() ?? "";
  lines.forEach((line, i) => {
    try {
      reader.readLine(line);
    } catch (error) {
      throw parseError(i, error instanceof Error ? error.message : String(error));
    }
  });
  // Blanks are no line yet.
  if (!/^[ \t]*$/.test(unfinished))
    throw parseError(lines.length, "unexpected end of input stream");
  return reader.end();
}

function createReader() {
  const drafts = new Map<string, Draft>();
  let hasTimestamps = false;

  /** The family of a name, or of a name with one of its suffixes. */
  function draftOf(name: string): Draft {
    const own = drafts.get(name);
    if (own !== undefined) return own;
    for (const type of ["summary", "histogram"] as const) {
      const suffix = SUFFIXES[type].find((end) => name.endsWith(end)) ?? "";
      const base = drafts.get(name.slice(0, name.length - suffix.length));
      if (base?.type === type) return base;
    }
    const draft = openDraft(name);
    drafts.set(name, draft);
    return draft;
  }

  function readComment(line: string): void {
    const [, keyword = "", rest = ""] = /^#[ \t]*([^ \t]*)[ \t]*(.*)$/s.exec(line) ?? [];
    if (keyword !== "HELP" && keyword !== "TYPE") return;
    const cursor = openCursor(rest);
    const name = cursor.takeName();
    if (cursor.isAtEnd()) return;
    if (!/[ \t]/.test(cursor.peek())) throw expected("a metric name", rest);
    const draft = draftOf(checkMetricName(name));
    cursor.take(BLANKS);
    if (cursor.isAtEnd()) return;
    if (keyword === "HELP") setHelp(draft, cursor.rest());
    else setType(draft, cursor.rest());
  }

  function readSample(line: string): void {
    const sample = parseSampleLine(line);
    addSample(draftOf(sample.name), sample);
    hasTimestamps ||= sample.hasTimestamp;
  }

  return {
    readLine: (line: string) => {
      const text = line.replace(/^[ \t]+/, "");
      if (text.startsWith("#")) readComment(text);
      else if (text !== "") readSample(text);
    },
    end: (): Exposition => ({
      families: [...drafts.values()].flatMap((draft) => finish(draft)),
      hasTimestamps,
    }),
  };
}

/** Help may be of any bytes; a line with samples may not. */
function checkEncoding(body: Buffer): void {
  const lines = body.toString("latin1").split("\n");
  const at = lines.findIndex(
    (line) => !/^[ \t]*#/.test(line) && !isUtf8(Buffer.from(line, "latin1")),
  );
  if (at !== -1) throw parseError(at, "expected UTF-8");
}

function parseError(lineIndex: number, what: string): ServiceError {
  const detail = `text format parsing error in line ${lineIndex + 1}: ${what}`;
  return new ServiceError("INVALID_METRIC", detail);
}
