/**
 * Sums of series, by name and labels: read from exposition text, or made of what parts record.
 */

import { FAMILIES, recordedBy, SECONDS_BOUNDS, type Part } from "./work.ts";

/** A value for each series of the work's families, such as `chaos_orders_total{kind="stop"}`. */
export type Sums = ReadonlyMap<string, number>;

/** One part of one invocation, as a process wrote it down. */
export interface RecordedPart {
  readonly number: number;
  readonly part: Part;
}

/** Labels that say who pushed, not what was recorded. */
const PUSHERS: ReadonlySet<string> = new Set([
  "component",
  "environment",
  "exported_job",
  "instance",
  "job",
  "service",
]);
const LABEL = /(\w+)="([^"]*)"/g;

/** The sums in a text, over all groups. @param prefix of the families that count. */
export function readSums(text: string, prefix = "chaos_"): Sums {
  const sums = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (!line.startsWith(prefix)) continue;
    const end = line.lastIndexOf(" ");
    add(sums, seriesOf(line.slice(0, end)), Number(line.slice(end + 1)));
  }
  return sums;
}

/** The sums in a Pushgateway's page, by the label `instance` of the groups. */
export function readSumsByInstance(page: string): Map<string, Sums> {
  const lines = new Map<string, string[]>();
  for (const line of page.split("\n")) {
    const instance = /[{,]instance="([^"]+)"/.exec(line)?.[1];
    if (!line.startsWith("chaos_") || instance === undefined) continue;
    const own = lines.get(instance) ?? [];
    lines.set(instance, own);
    own.push(line);
  }
  return new Map([...lines].map(([instance, own]) => [instance, readSums(own.join("\n"))]));
}

/** What these parts recorded in a process. */
export function sumsOf(process: string, parts: readonly RecordedPart[]): Sums {
  const sums = new Map<string, number>();
  for (const { number, part } of parts) {
    const { kind, orders, spent, weight, seconds } = recordedBy(number, part);
    add(sums, `${FAMILIES.process}{process="${process}"}`, orders);
    add(sums, `${FAMILIES.orders}{kind="${kind}"}`, orders);
    add(sums, `${FAMILIES.spent}{kind="${kind}"}`, spent);
    add(sums, `${FAMILIES.weight}{kind="${kind}"}`, weight);
    for (const le of SECONDS_BOUNDS) {
      add(sums, `${FAMILIES.seconds}_bucket{kind="${kind}",le="${le}"}`, Number(seconds <= le));
    }
    add(sums, `${FAMILIES.seconds}_bucket{kind="${kind}",le="+Inf"}`, 1);
    add(sums, `${FAMILIES.seconds}_sum{kind="${kind}"}`, seconds);
    add(sums, `${FAMILIES.seconds}_count{kind="${kind}"}`, 1);
  }
  return sums;
}

/** Sums added up, series by series. */
export function addUp(all: Iterable<Sums>): Sums {
  const total = new Map<string, number>();
  for (const sums of all) for (const [series, value] of sums) add(total, series, value);
  return total;
}

/** What is more in the one than in the other, series by series. */
export function beyond(more: Sums, less: Sums): Sums {
  return new Map(
    [...more].flatMap(([series, value]) => {
      const gap = value - (less.get(series) ?? 0);
      return gap > 0 ? [[series, gap]] : [];
    }),
  );
}

/** The total of one family's series, such as all kinds of orders. */
export function totalOf(sums: Sums, family: string): number {
  let total = 0;
  for (const [series, value] of sums) if (series.startsWith(`${family}{`)) total += value;
  return total;
}

/** Rounding of sums of tenths, over all pushes of a run; any increment is a hundred million times that. */
const ROUNDING = 1e-9;

/** Series that differ; one that is missing counts as 0. All are held to the last bit, but sums of tenths. */
export function differences(
  expected: Sums,
  actual: Sums,
): { readonly series: string; readonly expected: number; readonly actual: number }[] {
  const names = new Set([...expected.keys(), ...actual.keys()]);
  return [...names].sort().flatMap((series) => {
    const [one, other] = [expected.get(series) ?? 0, actual.get(series) ?? 0];
    const isRounded = series.startsWith(FAMILIES.weight);
    const isSame = isRounded ? Math.abs(one - other) < ROUNDING * Math.max(1, one) : one === other;
    return isSame ? [] : [{ series, expected: one, actual: other }];
  });
}

function add(sums: Map<string, number>, series: string, value: number): void {
  sums.set(series, (sums.get(series) ?? 0) + value);
}

/** A series' name with its labels in order, without those of whoever pushed it. */
function seriesOf(line: string): string {
  const brace = line.indexOf("{");
  if (brace < 0) return line;
  const labels = [...line.slice(brace).matchAll(LABEL)]
    .filter(([, name = ""]) => !PUSHERS.has(name))
    .map(([pair]) => pair)
    .sort();
  return `${line.slice(0, brace)}{${labels.join(",")}}`;
}
