/** The numbers of this moment, as a list of terms. */

import { difference, latencies, rates, total, type Moment } from "./history.ts";
import { sumBy, type Series } from "./series.ts";

interface Figure {
  readonly term: string;
  readonly value: string;
  readonly unit: string;
  readonly isBad?: boolean;
}

/** Seconds back that "now" covers: short enough to follow, long enough not to jump. */
const WINDOW_SECONDS = 10;

/** Fills the list anew. @param moments oldest first. */
export function showNow(
  list: HTMLElement,
  page: readonly Series[],
  moments: readonly Moment[],
): void {
  list.replaceChildren(...figures(page, moments).map((figure) => render(figure)));
}

function figures(page: readonly Series[], moments: readonly Moment[]): Figure[] {
  const last = moments.at(-1);
  const first = moments.find(({ at }) => at >= (last?.at ?? 0) - WINDOW_SECONDS);
  const ends = first === undefined || last === undefined || first === last ? [] : [first, last];
  const [p99] = latencies(ends, [0.99])[0]?.values ?? [];
  const state = (name: string) =>
    sumBy(page, "metrics_page_environments", ["state"]).get(name) ?? 0;
  const isHeld = total(sumBy(page, "metrics_page_floor_held")) > 0;
  return [
    { term: "Requests", value: decimal(rate(ends, (moment) => moment.requests)), unit: "/s" },
    failures(ends),
    {
      term: "99th percentile",
      value: p99 === undefined || p99 === null ? "–" : decimal(p99 * 1_000),
      unit: "ms",
      isBad: (p99 ?? 0) > 1,
    },
    {
      term: "Kafka records in",
      value: decimal(rate(ends, (moment) => only(moment.records, "consumed"))),
      unit: "/s",
    },
    { term: "Environments", value: String(state("live")), unit: `live, ${state("closed")} closed` },
    {
      term: "Floor",
      value: isHeld ? "held" : "free",
      unit: isHeld ? "data was lost" : "no loss",
      isBad: isHeld,
    },
  ];
}

function failures(ends: readonly Moment[]): Figure {
  const [first, last] = ends;
  const all = first && last ? total(difference(last.requests, first.requests)) : 0;
  const failed = first && last ? last.failures - first.failures : 0;
  const share = all === 0 ? 0 : failed / all;
  return { term: "Failed", value: decimal(share * 100), unit: "%", isBad: share > 0.001 };
}

function rate(ends: readonly Moment[], counters: (moment: Moment) => Moment["requests"]): number {
  return rates(ends, counters).reduce((all, { values }) => all + (values[0] ?? 0), 0);
}

function only(sums: Moment["records"], key: string): Moment["records"] {
  return new Map([[key, sums.get(key) ?? 0]]);
}

function decimal(value: number): string {
  return value >= 100 || value === 0 ? value.toFixed(0) : value.toPrecision(2);
}

function render({ term, value, unit, isBad = false }: Figure): HTMLElement {
  const box = document.createElement("div");
  if (isBad) box.className = "bad";
  const dt = document.createElement("dt");
  dt.textContent = term;
  const dd = document.createElement("dd");
  const small = document.createElement("small");
  small.textContent = ` ${unit}`;
  dd.append(value, small);
  box.append(dt, dd);
  return box;
}
