/**
 * Groups as the Pushgateway's `/api/v1/metrics` tells them: JSON, with numbers as strings.
 * @see https://github.com/prometheus/pushgateway#query-api
 */

import type { HistogramSample } from "../../lib/metrics/family.ts";
import type { ParsedFamily } from "./exposition.ts";
import { formatGoCount, formatGoNumber } from "./go-number.ts";
import { PUSH_FAILURE_TIME, PUSH_TIME, type StoredGroup } from "./group-store.ts";

/** The value of `data`. A family may stand in the place of `labels`, as it may in a real one. */
export function toApiGroups(groups: Iterable<StoredGroup>): unknown[] {
  return [...groups].map(({ key, families }) => ({
    labels: key,
    last_push_successful: timeOf(families, PUSH_FAILURE_TIME) <= timeOf(families, PUSH_TIME),
    ...Object.fromEntries(
      [...families].map(([name, { family, pushedAtMs }]) => [
        name,
        toApiFamily(family, pushedAtMs),
      ]),
    ),
  }));
}

function timeOf(families: StoredGroup["families"], name: string): number {
  const family = families.get(name)?.family;
  return family?.type === "gauge" ? (family.samples[0]?.value ?? 0) : 0;
}

function toApiFamily(family: ParsedFamily, pushedAtMs: number): unknown {
  return {
    time_stamp: new Date(pushedAtMs).toISOString(),
    type: family.type.toUpperCase(),
    ...(family.help === "" ? {} : { help: family.help }),
    metrics: toApiSamples(family),
  };
}

function toApiSamples(family: ParsedFamily): unknown[] {
  if (family.type === "histogram") return family.samples.map(toApiHistogram);
  if (family.type === "summary") {
    return family.samples.map(({ labels, quantiles, sum, count }) => ({
      labels,
      quantiles: Object.fromEntries(
        quantiles.map(([quantile, value]) => [formatGoNumber(quantile), formatGoNumber(value)]),
      ),
      sum: formatGoNumber(sum),
      count: formatGoCount(count),
    }));
  }
  return family.samples.map(({ labels, value }) => ({ labels, value: formatGoNumber(value) }));
}

function toApiHistogram({ labels, buckets, sum, count }: HistogramSample): unknown {
  const counts = [count, ...buckets.map(([, total]) => total)];
  const isWhole = counts.every((value) => Number.isInteger(value) && value < 2 ** 64);
  // One fraction makes all counts floats; a float that is not above 0 is told as the integer 0.
  const format = (value: number) =>
    isWhole ? formatGoCount(value) : formatGoNumber(value > 0 ? value : 0);
  return {
    labels,
    buckets: Object.fromEntries(buckets.map(([le, total]) => [formatGoNumber(le), format(total)])),
    sum: formatGoNumber(sum),
    count: format(count),
  };
}
