/**
 * A ledger in words: what it holds, for which Pushgateways, and what is largest in it.
 */

import type { Base, Floor, PushgatewayState } from "../../lib/metrics/retire/ledger.ts";
import type { Deployment } from "../../lib/metrics/read/deployment.ts";
import type { StoredFamily } from "../../lib/metrics/tally.ts";

export interface LedgerText extends Deployment {
  readonly base: Base;
  readonly floor: Floor;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Families that are listed by name. */
const LISTED = 10;

/** Lines to print. */
export function explainLedger(text: LedgerText): string[] {
  const { service, stage, base, floor, nowMs } = text;
  if (base.version === 0 && floor.version === 0)
    return [
      `The ledger of ${service} (${stage}) is empty: nothing was retired and no page was served yet.`,
    ];
  const series = base.totals.reduce((all, family) => all + family.series.length, 0);
  const largest = base.totals.toSorted((a, b) => b.series.length - a.series.length);
  return [
    `Ledger of ${service} (${stage})`,
    "",
    `Base   version ${base.version}, ${bytes(base.totals)}: ${series} series in ${base.totals.length} families, the totals of all environments that are no more.`,
    `Floor  version ${floor.version}, ${bytes(floor.families)}: what the last page showed; none is served below it.`,
    "",
    "Pushgateways",
    ...(base.pushgateways.length === 0 ? ["  none yet"] : []),
    ...base.pushgateways.map((state) => describe(state, nowMs)),
    "",
    `Largest families, of ${base.totals.length}`,
    ...largest
      .slice(0, LISTED)
      .map(
        (family) =>
          `  ${String(family.series.length).padStart(6)}  ${family.name} (${family.type}), ${total(family)}`,
      ),
  ];
}

function describe(state: PushgatewayState, nowMs: number): string {
  const { url, horizonSeconds, offsetSeconds, heldUntilSeconds, tombstones } = state;
  const { vacantSinceSeconds: vacantSince, leftAtSeconds: leftAt } = state;
  const its = nowMs / 1_000 + offsetSeconds;
  const held =
    heldUntilSeconds > its
      ? `; its clock was set: nothing silent is folded for ${duration(heldUntilSeconds - its)}`
      : "";
  const vacant =
    vacantSince === undefined
      ? ""
      : `; not configured, and empty for ${duration(its - vacantSince)}`;
  const left =
    leftAt === undefined ? "" : `; off the list for ${duration(its - leftAt)}, and read no more`;
  const horizon =
    Number.isFinite(horizonSeconds) && horizonSeconds > 0
      ? `all groups pushed more than ${duration(its - horizonSeconds)} ago are folded`
      : "nothing is folded yet";
  return `  ${url}: ${horizon}; ${Object.keys(tombstones).length} tombstones; its clock is ${offsetSeconds.toFixed(1)} s ahead of ours${held}${vacant}${left}`;
}

function total({ type, series }: StoredFamily): string {
  const sum = series
    .flatMap(
      ({ counter, layouts = [] }) =>
        counter ?? layouts.flatMap(({ counts }) => counts.at(-1) ?? []),
    )
    .reduce((all, part) => all + part, 0);
  return `${sum.toLocaleString("en")} ${type === "counter" ? "in all" : "observations"}`;
}

function bytes(content: unknown): string {
  return `${(JSON.stringify(content).length / 1_024).toFixed(1)} KiB before compression`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7_200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
