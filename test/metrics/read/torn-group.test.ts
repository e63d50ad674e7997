import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LabelSet, MetricFamily } from "../../../lib/metrics/family.ts";
import { groupPath } from "../../../lib/metrics/push/grouping-key.ts";
import { DEFAULT_WINDOWS } from "../../../lib/metrics/retire/ledger.ts";
import { formatPayload } from "../../../lib/metrics/push/payload.ts";
import { openPushgateway, type Pushgateway } from "../../../lib/metrics/read/pushgateway.ts";
import { scrape } from "../../../lib/metrics/page/scrape.ts";
import { createMemoryLedger } from "../../support/memory-ledger.ts";
import { installed, pushgatewayKinds, type TestPushgateway } from "../../support/pushgateway.ts";

const old = pushgatewayKinds.find(({ isOld }) => isOld);

beforeEach((context) => {
  if (old !== undefined) return;
  const reason = `no Pushgateway before 1.6.0, but ${installed ?? "none"} (Debian 12 has 1.5.1)`;
  if (process.env["CI"] !== undefined) throw new Error(reason);
  context.skip(reason);
});

let pushgateway: TestPushgateway;
let client: Pushgateway;
beforeEach(async () => {
  if (old !== undefined) pushgateway = await old.start();
  client = openPushgateway({ url: pushgateway.url, timeoutMs: 30_000 });
});
afterEach(async () => {
  client.close();
  await pushgateway.close();
});

const INSTANCE = "00000000-0000-4000-8000-000000000001";
const KEY: LabelSet = { job: "s", component: "c", environment: "e", instance: INSTANCE };

/** An environment that has counted this much. */
function payload(count: number): string {
  const counter = `# HELP a_total a\n# TYPE a_total counter\na_total{kind="x"} ${count}\na_total{kind="y"} ${count}\n`;
  const buckets = `h_bucket{le="1"} ${count}\nh_bucket{le="5"} ${2 * count}\nh_bucket{le="+Inf"} ${3 * count}\n`;
  const histogram = `# HELP h h\n# TYPE h histogram\n${buckets}h_sum ${9 * count}\nh_count ${3 * count}\n`;
  const families = [
    { name: "a_total", text: counter, samples: 2 },
    { name: "h", text: histogram, samples: 5 },
  ];
  return formatPayload({ families, sequence: 1, isClosing: false });
}

/** PUTs a body of which only these lines arrive. */
async function putCut(body: string, lines: number): Promise<void> {
  const part = body
    .split("\n")
    .slice(0, lines)
    .map((line) => `${line}\n`)
    .join("");
  const socket = connect(Number(new URL(pushgateway.url).port), "127.0.0.1").resume();
  const before = await pushedAt();
  const head = `PUT ${groupPath(KEY)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.end(head + part);
  await vi.waitUntil(async () => (await pushedAt()) > before, { timeout: 30_000 });
}

async function pushedAt(): Promise<number> {
  for await (const group of (await client.readGroups("s")).groups) return group.pushedAtSeconds;
  return 0;
}

/** Every value that may not fall, and how many groups are torn. */
function valuesOf(page: readonly MetricFamily[]) {
  const samples = page.flatMap(({ name, samples }) => samples.map((one) => ({ name, one })));
  const values = new Map<string, number>();
  for (const { name, one } of samples) {
    const series = `${name} ${one.labels["kind"]}`;
    if ("value" in one) values.set(series, one.value);
    else {
      for (const [le, count] of one.buckets) values.set(`${name} ${le}`, count);
      values.set(`${name} sum`, one.sum);
    }
  }
  return values;
}

describe("a group whose body was cut on its way", () => {
  const LINES = payload(5).split("\n").length - 1;

  it.each(Array.from({ length: LINES }, (_, lines) => lines))(
    "after %i lines makes nothing fall, nor a bucket exceed a larger one, and is mended by the next push",
    async (lines) => {
      const floor = createMemoryLedger();
      const page = async (ledger = floor) =>
        valuesOf(
          await scrape({
            service: "s",
            stage: "e",
            ledger,
            urls: [pushgateway.url],
            open: () => client,
            windows: DEFAULT_WINDOWS,
            timeoutMs: 30_000,
          }),
        );
      await client.put(KEY, payload(4));
      const before = await page();
      await putCut(payload(5), lines);
      const torn = await page();
      expect(torn.get("metrics_page_torn_groups undefined")).toBe(1);
      for (const [series, value] of before) {
        if (!series.startsWith("metrics_")) {
          expect(torn.get(series)).toBeGreaterThanOrEqual(value);
        }
      }
      for (const values of [torn, await page(createMemoryLedger())]) {
        const buckets = ["h 1", "h 5", "h Infinity"].map((series) => values.get(series) ?? 0);
        expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
      }
      await client.put(KEY, payload(5));
      const mended = await page();
      expect(mended.get("a_total y")).toBe(5);
      expect(mended.get("h Infinity")).toBe(15);
      expect(mended.get("metrics_page_torn_groups undefined")).toBe(0);
    },
  );
});
