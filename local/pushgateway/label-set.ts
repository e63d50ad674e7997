/**
 * Label sets as the Pushgateway keeps them: sorted by name, and told apart by their content.
 */

import type { LabelSet } from "../../lib/metrics/family.ts";

/** The same label set, its names in ascending order. */
export function sortLabels(labels: LabelSet): LabelSet {
  return Object.fromEntries(sortedEntries(labels));
}

/** Equal for equal label sets, whatever their order. */
export function labelSetId(labels: LabelSet): string {
  return JSON.stringify(sortedEntries(labels));
}

function sortedEntries(labels: LabelSet): [name: string, value: string][] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}
