/**
 * What a Pushgateway makes of a text: read by the embedded one's parser, which is tested against the
 * real one's and shares no code with what writes the text.
 */

import type { MetricFamily } from "../../lib/metrics/family.ts";
import { findInconsistency } from "../../local/pushgateway/consistency.ts";
import { parseExposition } from "../../local/pushgateway/parse-exposition.ts";

/** The families in a text. @throws {Error} when a Pushgateway would answer 400. */
export function readExposition(text: string): readonly MetricFamily[] {
  const { families } = parseExposition(text);
  const problem = findInconsistency(families);
  if (problem !== undefined) throw new Error(problem);
  return families as readonly MetricFamily[];
}

/** The sample lines of a text: each series with its value, as written. */
export function sampleLines(text: string): Map<string, string> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
}
