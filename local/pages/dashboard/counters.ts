/** Every counter family with its exact total and how fast it grows. */

import { sumBy, type Series } from "./series.ts";

let before = new Map<string, number>();
let readAt = 0;

/** Fills the table's body anew; rows keep their order, so that the eye finds them again. */
export function showCounters(table: HTMLElement, page: readonly Series[]): void {
  const names = [
    ...new Set(page.map(({ name }) => name).filter((name) => name.endsWith("_total"))),
  ];
  const totals = new Map(names.map((name) => [name, sumBy(page, name).get("") ?? 0]));
  const now = performance.now();
  const seconds = (now - readAt) / 1_000;
  const rows = names.toSorted().map((name) => {
    const value = totals.get(name) ?? 0;
    const known = before.get(name);
    const rate = known === undefined ? "" : format((value - known) / seconds);
    return row([name, value.toLocaleString("en", { maximumFractionDigits: 6 }), rate]);
  });
  table.querySelector("tbody")?.replaceChildren(...rows);
  [before, readAt] = [totals, now];
}

function format(rate: number): string {
  if (rate === 0) return "";
  return rate >= 100 ? rate.toFixed(0) : rate.toPrecision(2);
}

function row([name = "", ...numbers]: readonly string[]): HTMLElement {
  const tr = document.createElement("tr");
  const th = document.createElement("th");
  th.scope = "row";
  const code = document.createElement("code");
  code.textContent = name;
  th.append(code);
  const cells = numbers.map((number) => {
    const td = document.createElement("td");
    td.className = "number";
    td.textContent = number;
    return td;
  });
  tr.append(th, ...cells);
  return tr;
}
