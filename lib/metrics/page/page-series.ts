/**
 * The series of the aggregated page that a group's sample belongs to.
 */

import type { Group, LabelSet } from "../family.ts";
import { formatSeries } from "../push/sample-lines.ts";

/** One label set of the page; that of equal ones may be several objects. */
export interface PageSeries {
  /** Ordered by name. */
  readonly labels: LabelSet;
  /** A text that no other label set has. */
  readonly key: string;
}

/** A label set's key: its names in order with their values. @param labels ordered by name. */
export function seriesKey(labels: LabelSet): string {
  return formatSeries("", labels);
}

/**
 * Opens a table of series, for as long as the groups of one reading are added up.
 * @returns for a group, the series of a sample by its labels: `job` becomes `service`; `instance` is
 *   summed away, and stands empty so that Prometheus does not put the scrape's address there. A label
 *   set that is the same object again, as those of a snapshot are, is only looked up.
 */
export function createPageSeries(): (group: Group) => (own: LabelSet) => PageSeries {
  const byKey = new Map<string, Map<LabelSet, PageSeries>>();
  return ({ key }) => {
    const { job = "", instance: _instance, ...others } = key;
    const shared: LabelSet = { ...others, service: job, instance: "" };
    const id = JSON.stringify(shared);
    const known = byKey.get(id) ?? new Map<LabelSet, PageSeries>();
    byKey.set(id, known);
    return (own) => {
      let series = known.get(own);
      if (series === undefined) {
        series = toSeries({ ...own, ...shared });
        known.set(own, series);
      }
      return series;
    };
  };
}

function toSeries(all: LabelSet): PageSeries {
  const labels: Record<string, string> = {};
  for (const name of Object.keys(all).sort()) labels[name] = all[name] ?? "";
  return { labels, key: seriesKey(labels) };
}
