/**
 * A process that reads a Pushgateway of 5,000 environments when it is told to, for `bench/page.ts`, and
 * says what that took. Its mode:
 *
 *   text       the Pushgateway's own page, read and thrown away
 *   page       the aggregated page, as `GET /metrics` makes it
 *   json, protobuf   only the groups, in that form
 *
 *   node bench/page-reader.ts MODE URL
 */

import { formatPage } from "../lib/metrics/page/exposition.ts";
import { DEFAULT_WINDOWS } from "../lib/metrics/retire/ledger.ts";
import { openConnection } from "../lib/metrics/push/pushgateway-connection.ts";
import { openPushgateway } from "../lib/metrics/read/pushgateway.ts";
import { jsonGroups } from "../lib/metrics/read/read-groups-json.ts";
import { protobufGroups } from "../lib/metrics/read/read-groups-protobuf.ts";
import { readSnapshot, type GroupFormat } from "../lib/metrics/read/read-groups.ts";
import { scrape } from "../lib/metrics/page/scrape.ts";
import { createMemoryLedger } from "../test/support/memory-ledger.ts";
import { SERVICE, STAGE } from "./fleet.ts";

/** What one reading took. */
export interface Reading {
  readonly ms: number;
  /** Of this process alone. */
  readonly cpuMs: number;
  /** The most this process has had so far, in MB. */
  readonly peakRssMb: number;
  /** Bytes of a page, or groups. */
  readonly size: number;
}

export type Mode = "text" | "page" | "json" | "protobuf";

const TIMEOUT_MS = 300_000;

const [mode = "", url = ""] = process.argv.slice(2);
const read = openReader(mode as Mode, url);

process.on("message", () => {
  void measure().then((reading) => process.send?.(reading));
});

async function measure(): Promise<Reading> {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  const size = await read();
  const ms = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  const peakRssMb = process.resourceUsage().maxRSS / 1_024;
  return { ms, cpuMs: (user + system) / 1_000, peakRssMb, size };
}

function openReader(mode: Mode, url: string): () => Promise<number> {
  if (mode === "text") return () => readText(url);
  if (mode === "page") return openScrape(url);
  const format = mode === "json" ? jsonGroups : protobufGroups;
  return () => countGroups(url, format);
}

async function readText(url: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { accept: "text/plain" } });
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += (chunk as Uint8Array).length;
  return bytes;
}

function openScrape(url: string): () => Promise<number> {
  const pushgateway = openPushgateway({ url });
  const ledger = createMemoryLedger();
  const deployment = { service: SERVICE, stage: STAGE };
  const options = { ...deployment, ledger, urls: [pushgateway.url], open: () => pushgateway };
  return async () => {
    const families = await scrape({ ...options, windows: DEFAULT_WINDOWS, timeoutMs: TIMEOUT_MS });
    return formatPage(families, "text").length;
  };
}

async function countGroups(url: string, format: GroupFormat): Promise<number> {
  const connection = openConnection({ url: new URL(url), headers: {}, maxIdleMs: 4_000 });
  const source = { connection, url, redact: (text: string) => text };
  const { groups } = await readSnapshot(source, format, SERVICE, { timeoutMs: TIMEOUT_MS });
  let count = 0;
  for await (const _ of groups) count += 1;
  connection.close();
  return count;
}
