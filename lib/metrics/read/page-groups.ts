/**
 * Sorts the metrics of a Pushgateway's page, which has them by family, into the groups they were
 * pushed to. On the page a group's key stands among its samples' own labels; which of them are the
 * key's is shown by the group's `push_time_seconds`, which comes late.
 */

import { createByteTable } from "./byte-table.ts";
import type { Group, LabelSet, MetricType } from "../family.ts";
import { createLayouts } from "../page/histogram-layouts.ts";
import { createPageColumn, splitColumn, type PageColumn, type PageLabels } from "./page-column.ts";
import { isBytes, type Cursor } from "./protobuf-cursor.ts";
import type { FamilyVisitor } from "./protobuf-families.ts";
import {
  emptyRanges,
  findLabels,
  readHistogram,
  readLabels,
  readValue,
} from "./protobuf-metric.ts";

/** Takes in a page of one Pushgateway. */
export interface PageGroups extends FamilyVisitor {
  /** The groups of the page, once it is whole. @throws {Error} before the first, if it does. */
  groups(): Generator<Group>;
}

interface GroupHead {
  readonly index: number;
  key?: LabelSet;
  /** The names in the key; one array for all groups that have the same. */
  keyNames: readonly string[];
  pushedAtSeconds: number;
  refusedAtSeconds?: number;
}

/** Numbers of the protobuf enum `MetricType`. Others can't be added up. */
const TYPES: ReadonlyMap<number, MetricType> = new Map([
  [0, "counter"],
  [1, "gauge"],
  [4, "histogram"],
]);
const PUSH_TIME = "push_time_seconds";
const PUSH_FAILURE_TIME = "push_failure_time_seconds";
/** Names that the JSON form has no place for; left out, so that both forms tell the same. */
const NO_FAMILIES: ReadonlySet<string> = new Set(["labels", "last_push_successful"]);

/** What a page may make us hold: 10,000 groups of 500 series take half of it. */
const MAX_HELD_BYTES = 2 ** 28;
/** What each of these takes, beside its texts, at a guess. */
const HELD_BYTES = { group: 400, family: 400, labels: 800, sample: 48, histogram: 200, bucket: 10 };

/**
 * Opens an empty one for the groups of a job; others are passed over.
 *
 * All methods throw an {Error} where the page can't be sorted: a group of the job has no `instance`, or
 * two have the same; and where it would take more than 256 MiB to hold.
 */
export function createPageGroups(job: string): PageGroups {
  const jobBytes = Buffer.from(job);
  const ranges = emptyRanges();
  const pack = createLayouts();
  const keyNames = new Map<string, readonly string[]>();
  const columns: PageColumn[] = [];
  /** Of the family that is being read; none when it is left out or tells push times. */
  let column: PageColumn | undefined;
  let family = "";
  let heldBytes = 0;

  function hold(bytes: number): void {
    heldBytes += bytes;
    if (heldBytes > MAX_HELD_BYTES) throw new Error(`over ${MAX_HELD_BYTES} bytes to hold`);
  }

  const heads = createByteTable<GroupHead>((index) => {
    hold(HELD_BYTES.group);
    return { index, keyNames: [], pushedAtSeconds: 0 };
  });
  const labelSets = createByteTable<PageLabels>((_, bytes) => {
    hold(HELD_BYTES.labels + 6 * (ranges.all.end - ranges.all.start));
    const { instance: _instance, ...all } = readLabels(bytes, ranges.all);
    return { all, own: new Map() };
  });

  function takeKey(head: GroupHead, bytes: Buffer): void {
    if (head.key !== undefined) throw unclear(`two of ${family} with one instance`);
    const key = readLabels(bytes, ranges.all);
    head.key = key;
    const names = Object.keys(key);
    const id = names.join();
    head.keyNames = keyNames.get(id) ?? names;
    keyNames.set(id, head.keyNames);
  }

  function takeRefusal(head: GroupHead, cursor: Cursor): void {
    if (head.refusedAtSeconds !== undefined) throw unclear(`two of ${family} with one instance`);
    head.refusedAtSeconds = readValue(cursor, "gauge");
  }

  function takeSample({ index }: GroupHead, cursor: Cursor, into: PageColumn): void {
    const { beforeInstance, afterInstance } = ranges;
    if (into.groups.length === 0) {
      hold(HELD_BYTES.family + 3 * (into.head.name.length + into.head.help.length));
      columns.push(into);
    }
    into.groups.push(index);
    into.labels.push(labelSets.find(cursor.bytes, beforeInstance, afterInstance));
    hold(HELD_BYTES.sample);
    if (into.type !== "histogram") {
      into.values.push(readValue(cursor, into.type));
      return;
    }
    const histogram = readHistogram(cursor);
    hold(HELD_BYTES.histogram + HELD_BYTES.bucket * histogram.bounds.length);
    if (histogram.isNative) into.nativeGroups.add(index);
    into.histograms.push(pack(histogram));
  }

  return {
    family(head) {
      family = head.name;
      const type = TYPES.get(head.type);
      column = undefined;
      if (type === undefined || NO_FAMILIES.has(family)) return;
      column = createPageColumn(head, type);
    },
    metric(cursor) {
      if (column === undefined) return;
      findLabels(cursor, ranges);
      const { bytes } = cursor;
      const { instance, job: jobRange } = ranges;
      if (!isBytes(bytes, jobRange.start, jobRange.end, jobBytes)) return;
      if (instance.start === instance.end) throw unclear(`${family} of no instance`);
      const head = heads.find(bytes, instance, NOWHERE);
      if (family === PUSH_TIME) {
        takeKey(head, bytes);
        head.pushedAtSeconds = readValue(cursor, "gauge");
      } else if (family === PUSH_FAILURE_TIME) takeRefusal(head, cursor);
      else takeSample(head, cursor, column);
    },
    *groups() {
      if (heads.values.some(({ key }) => key === undefined)) throw unclear(`no ${PUSH_TIME}`);
      hold(4 * columns.length * heads.values.length);
      const split = columns.map((one) => splitColumn(one, heads.values.length));
      for (const head of heads.values) {
        const { index, key = {}, keyNames, pushedAtSeconds, refusedAtSeconds = 0 } = head;
        const families = split.flatMap((familyOf) => familyOf(index, keyNames) ?? []);
        yield { key, pushedAtSeconds, refusedAtSeconds, families };
      }
    },
  };
}

const NOWHERE = { start: 0, end: 0 };

function unclear(what: string): Error {
  return new Error(`${what}, so what the page shows can't be told apart by group`);
}
