/**
 * A Pushgateway in memory for the protocol's model: it takes the payloads of the pusher as they are,
 * and is as late, as forgetful and as silent as the test wants.
 */

import type { Group, LabelSet, MetricFamily, Snapshot } from "../../lib/metrics/family.ts";

export interface MemoryPushgateway {
  readonly url: string;
  /** Applies a push at its own time. */
  apply(method: "put" | "post", key: LabelSet, body: string): void;
  /** Notes that it refused a push, as a Pushgateway does that answers 400. */
  refuse(key: LabelSet): void;
  /** Deletes a group. */
  remove(key: LabelSet): void;
  /** The groups that are asked for; default all. */
  snapshot(isAskedFor?: (group: Group) => boolean): Snapshot;
  /** What a backup or a persistence file would hold. */
  save(): ReadonlyMap<string, Group>;
  /** Starts again from a file, or from nothing. */
  restore(saved: ReadonlyMap<string, Group>): void;
  readonly size: number;
}

/** Opens an empty one. @param nowSeconds its clock. */
export function createMemoryPushgateway(url: string, nowSeconds: () => number): MemoryPushgateway {
  let groups = new Map<string, Group>();
  return {
    url,
    get size() {
      return groups.size;
    },
    apply(method, key, body) {
      const id = JSON.stringify(key);
      const before = groups.get(id);
      const refusedAtSeconds = before?.refusedAtSeconds ?? 0;
      const pushed = parsePayload(body);
      const names = new Set(pushed.map(({ name }) => name));
      const kept =
        method === "post" ? (before?.families ?? []).filter(({ name }) => !names.has(name)) : [];
      const families = [...kept, ...pushed];
      groups.set(id, { key, pushedAtSeconds: nowSeconds(), refusedAtSeconds, families });
    },
    refuse(key) {
      const id = JSON.stringify(key);
      const { pushedAtSeconds = 0, families = [] } = groups.get(id) ?? {};
      groups.set(id, { key, pushedAtSeconds, refusedAtSeconds: nowSeconds(), families });
    },
    remove(key) {
      groups.delete(JSON.stringify(key));
    },
    snapshot: (isAskedFor = () => true) => ({
      pushgateway: url,
      takenAtSeconds: Math.floor(nowSeconds()),
      groups: iterate([...groups.values()].filter(isAskedFor)),
    }),
    save: () => new Map(groups),
    restore(saved) {
      groups = new Map(saved);
    },
  };
}

async function* iterate(groups: readonly Group[]): AsyncGenerator<Group> {
  yield* groups;
}

/** Families by their text: most of a payload is what it was in the last. */
const parsed = new Map<string, MetricFamily>();
const MAX_PARSED = 50_000;

/** Reads what `formatPayload` writes, and no more; a histogram that was cut has only some buckets. */
export function parsePayload(body: string): MetricFamily[] {
  if (parsed.size > MAX_PARSED) parsed.clear();
  const texts = body.split(/^(?=# HELP )/m).filter((text) => text !== "");
  const families = texts.map((text) => {
    const family = parsed.get(text) ?? parseFamily(text);
    parsed.set(text, family);
    return family;
  });
  // As in a Pushgateway, a family without samples is none.
  return families.filter(({ samples }) => samples.length > 0);
}

function parseFamily(text: string): MetricFamily {
  const [first = "", second = "", ...rest] = text.split("\n").filter((line) => line !== "");
  const [, name = "", help = ""] = /^# HELP (\S+) (.*)$/.exec(first) ?? [];
  const type = (/^# TYPE \S+ (.*)$/.exec(second)?.[1] ?? "gauge") as MetricFamily["type"];
  const lines = rest.map(parseLine);
  if (type === "histogram") return { name, help, type, samples: toHistograms(name, lines) };
  return { name, help, type, samples: lines.map(({ labels, value }) => ({ labels, value })) };
}

interface Line {
  readonly name: string;
  readonly labels: LabelSet;
  readonly value: number;
}

function parseLine(line: string): Line {
  const [, name = "", inner = "", value = ""] = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  const pairs = [...inner.matchAll(/([^=,]+)="([^"]*)"/g)];
  const labels = Object.fromEntries(pairs.map(([, label = "", text = ""]) => [label, text]));
  return { name, labels, value: toNumber(value) };
}

function toHistograms(name: string, lines: readonly Line[]) {
  const byLabels = new Map<string, { labels: LabelSet; lines: Line[] }>();
  for (const line of lines) {
    const { le: _le, ...labels } = line.labels;
    const key = JSON.stringify(labels);
    const one = byLabels.get(key) ?? { labels, lines: [] };
    byLabels.set(key, one);
    one.lines.push(line);
  }
  return [...byLabels.values()].map(({ labels, lines: own }) => {
    const valueOf = (suffix: string) =>
      own.find((line) => line.name === `${name}_${suffix}`)?.value ?? 0;
    const buckets = own
      .filter((line) => line.name === `${name}_bucket` && line.labels["le"] !== "+Inf")
      .map((line) => [toNumber(line.labels["le"] ?? ""), line.value] as const);
    const count = valueOf("count");
    return {
      labels,
      buckets: [...buckets, [Infinity, count] as const],
      sum: valueOf("sum"),
      count,
    };
  });
}

function toNumber(text: string): number {
  return text === "+Inf" ? Infinity : Number(text);
}
