/**
 * Fleets of environments on a Pushgateway, for benches that read or push what real ones would.
 */

import { randomUUID } from "node:crypto";
import type { LabelSet } from "../lib/metrics/family.ts";
import { formatPayload } from "../lib/metrics/push/payload.ts";
import { openPushgateway } from "../lib/metrics/read/pushgateway.ts";
import {
  formatHeader,
  formatHistogramSeries,
  formatSeries,
} from "../lib/metrics/push/sample-lines.ts";
import type { FormattedFamily } from "../lib/metrics/push/totals.ts";
import { pushgatewayKinds, type PushgatewayKind } from "../test/support/pushgateway.ts";

/** What each environment of a fleet has: 90 samples in all, either way. */
export interface Shape {
  readonly name: string;
  readonly histograms: number;
  /** Without `+Inf`. */
  readonly bounds: number;
  /** Series, in six families. */
  readonly counters: number;
}

export const SHAPES: readonly Shape[] = [
  { name: "6 histograms + 6 counters", histograms: 6, bounds: 11, counters: 6 },
  { name: "1 histogram + 71 counters", histograms: 1, bounds: 16, counters: 71 },
];

export const SERVICE = "bench";
export const STAGE = "bench";
const COUNTER_FAMILIES = 6;
const PUSHES_AT_ONCE = 8;
const PUSH_TIMEOUT_MS = 120_000;

/** The newest real Pushgateway there is. @throws {Error} when there is none. */
export function realPushgateway(): PushgatewayKind {
  const kind = pushgatewayKinds.at(-1);
  if (kind === undefined || kind.name === "embedded") {
    throw new Error("expected a real Pushgateway: on PATH, or named in PUSHGATEWAY_BINARIES");
  }
  return kind;
}

/** The grouping keys of so many new environments. */
export function newFleet(count: number): LabelSet[] {
  return Array.from({ length: count }, () => ({
    job: SERVICE,
    component: "list-trades",
    environment: STAGE,
    instance: randomUUID(),
  }));
}

/** The body of a push, with values of its own. */
export function makePayload(shape: Shape, sequence: number, isClosing = false): string {
  const families = [
    ...Array.from({ length: shape.histograms }, (_, i) => makeHistogram(i, shape.bounds)),
    ...Array.from({ length: COUNTER_FAMILIES }, (_, i) => makeCounters(i, shape.counters)),
  ];
  return formatPayload({ families, sequence, isClosing });
}

/** Pushes every environment of a fleet once. @param isClosing it is its last push. */
export async function pushFleet(
  url: string,
  shape: Shape,
  keys: readonly LabelSet[],
  isClosing = false,
): Promise<void> {
  const client = openPushgateway({ url, timeoutMs: PUSH_TIMEOUT_MS });
  const queue = keys.values();
  const push = async () => {
    for (const key of queue) {
      const outcome = await client.put(key, makePayload(shape, 1, isClosing));
      if (outcome.outcome !== "acknowledged") throw new Error(JSON.stringify(outcome));
    }
  };
  await Promise.all(Array.from({ length: PUSHES_AT_ONCE }, push));
  client.close();
}

function makeHistogram(index: number, bounds: number): FormattedFamily {
  const name = `stage_${index}_duration_seconds`;
  const les = Array.from({ length: bounds }, (_, i) => Number((0.001 * 2 ** i).toPrecision(3)));
  const labels = { engine: "dynamodb", query_type: "trades_by_symbol" };
  const series = formatHistogramSeries(name, labels, les);
  let count = 0;
  const counts = Array.from({ length: bounds + 1 }, () => (count += random(50)));
  const values = [...counts, Math.random() * 1_000, count];
  const lines = series.map((one, i) => `${one} ${values[i]}\n`);
  const head = formatHeader(name, "histogram", "How long a stage of the work took.");
  return { name, text: head + lines.join(""), samples: lines.length };
}

/** Every sixth of so many series, in one family. */
function makeCounters(index: number, series: number): FormattedFamily {
  const name = `stage_${index}_requests_total`;
  const lines: string[] = [];
  for (let i = index; i < series; i += COUNTER_FAMILIES) {
    const labels = { endpoint: `/route/${i}`, method: "GET", status_code: "200" };
    lines.push(`${formatSeries(name, labels)} ${random(1e6)}\n`);
  }
  const head = formatHeader(name, "counter", "Requests that a stage of the work has seen.");
  return { name, text: head + lines.join(""), samples: lines.length };
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
