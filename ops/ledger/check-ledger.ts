/**
 * What must hold of a ledger, whatever happened to it: the faults found, in words.
 */

import type { MetricFamily } from "../../lib/metrics/family.ts";
import type { Base, Floor, PushgatewayState } from "../../lib/metrics/retire/ledger.ts";
import { seriesKey } from "../../lib/metrics/page/page-series.ts";
import type { StoredFamily, StoredSeries } from "../../lib/metrics/tally.ts";

/** Every fault of base and floor; none when all is well. */
export function checkLedger(base: Base, floor: Floor): string[] {
  return [
    ...checkBase(base),
    ...floor.families.flatMap((family) => checkFloorFamily(family)),
    ...repeated(floor.families.map(({ name, type }) => `floor: ${type} ${name}`)),
  ];
}

function checkBase({ totals, pushgateways }: Base): string[] {
  return [
    ...totals.flatMap((family) => checkFamily(family)),
    ...repeated(totals.map(({ name, type }) => `base: ${type} ${name}`)),
    ...pushgateways.flatMap((state) => checkPushgateway(state)),
    ...repeated(pushgateways.map(({ url }) => `base: Pushgateway ${url}`)),
  ];
}

function checkFamily(family: StoredFamily): string[] {
  const where = (series: StoredSeries) => `base: ${family.name}${seriesKey(series.labels)}`;
  return [
    ...repeated(family.series.map(where)),
    ...family.series.flatMap((series) => checkSeries(family, series, where(series))),
  ];
}

function checkSeries({ type }: StoredFamily, series: StoredSeries, where: string): string[] {
  const { counter, layouts } = series;
  if (type === "counter") {
    if (counter === undefined) return [`${where}: expected a total, found none`];
    return checkNumber(`${where}: total`, valueOf(counter));
  }
  if (layouts === undefined) return [`${where}: expected buckets, found none`];
  return layouts.flatMap(({ bounds, counts, sum }) => [
    ...(counts.length === bounds.length + 1
      ? []
      : [
          `${where}: expected ${bounds.length + 1} counts for ${bounds.length} bounds, found ${counts.length}`,
        ]),
    ...ascending(`${where}: bounds`, bounds),
    ...notFalling(`${where}: cumulative counts`, counts.map(valueOf)),
    ...counts.flatMap((count) => checkNumber(`${where}: count`, valueOf(count))),
    ...checkNumber(`${where}: sum`, valueOf(sum)),
  ]);
}

function checkFloorFamily(family: MetricFamily): string[] {
  if (family.type === "gauge") return [`floor: ${family.name}: a gauge has no floor`];
  const where = (labels: Readonly<Record<string, string>>) =>
    `floor: ${family.name}${seriesKey(labels)}`;
  if (family.type !== "histogram")
    return family.samples.flatMap(({ labels, value }) => checkNumber(where(labels), value));
  return family.samples.flatMap(({ labels, buckets, sum, count }) => [
    ...notFalling(
      `${where(labels)}: cumulative counts`,
      buckets.map(([, held]) => held),
    ),
    ...checkNumber(`${where(labels)}: sum`, sum),
    ...(buckets.at(-1)?.[1] === count
      ? []
      : [`${where(labels)}: the last bucket is not the count`]),
  ]);
}

function checkPushgateway({ url, horizonSeconds, tombstones }: PushgatewayState): string[] {
  const where = `base: Pushgateway ${url}`;
  const times = Object.entries(tombstones).flatMap(([id, seconds]) =>
    Number.isFinite(seconds)
      ? []
      : [`${where}: tombstone ${id}: expected a time, found ${seconds}`],
  );
  return Number.isFinite(horizonSeconds)
    ? times
    : [`${where}: horizon: expected a time, found ${horizonSeconds}`, ...times];
}

function checkNumber(where: string, value: number): string[] {
  return Number.isFinite(value) && value >= 0
    ? []
    : [`${where}: expected a finite number of at least 0, found ${value}`];
}

function ascending(where: string, values: readonly number[]): string[] {
  return values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0))
    ? []
    : [`${where}: expected ascending, found ${values.join(", ")}`];
}

function notFalling(where: string, values: readonly number[]): string[] {
  return values.every((value, i) => i === 0 || value >= (values[i - 1] ?? 0))
    ? []
    : [`${where}: expected never to fall, found ${values.join(", ")}`];
}

function repeated(names: readonly string[]): string[] {
  const again = names.filter((name, i) => names.indexOf(name) !== i);
  return [...new Set(again)].map((name) => `${name} is there more than once`);
}

function valueOf(sum: readonly number[]): number {
  return sum.reduce((all, part) => all + part, 0);
}
