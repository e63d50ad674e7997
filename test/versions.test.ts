/** Two versions of a service at once, as behind a canary, an alias or a rollback (docs/adopting.md). */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_WINDOWS, type Ledger } from "../lib/metrics/retire/ledger.ts";
import type { MetricDefinition } from "../lib/metrics/definition.ts";
import type { LabelSet } from "../lib/metrics/family.ts";
import { type Environment, openEnvironment } from "../lib/metrics/flush/environment.ts";
import { formatPage } from "../lib/metrics/page/exposition.ts";
import { scrape } from "../lib/metrics/page/scrape.ts";
import { DEFAULT_LEASE } from "../lib/metrics/push/incarnation.ts";
import { systemClock } from "../lib/metrics/push/clock.ts";
import { openPushClient } from "../lib/metrics/push/push-client.ts";
import { openPushgateway } from "../lib/metrics/read/pushgateway.ts";
import { openDocument } from "../lib/metrics/retire/dynamodb-document.ts";
import { openDynamoDbLedger } from "../lib/metrics/retire/dynamodb-ledger.ts";
import { retire } from "../lib/metrics/retire/retire.ts";
import { startTestDynamoDB, type TestDynamoDB } from "./support/dynamodb.ts";
import { sampleLines } from "./support/exposition.ts";
import { createTestLog } from "./support/log.ts";
import { startPushgateway, type TestPushgateway } from "./support/pushgateway.ts";

const STAGE = "test";

let database: TestDynamoDB;
let pushgateway: TestPushgateway;

beforeAll(async () => {
  database = await startTestDynamoDB();
  pushgateway = await startPushgateway();
});
afterAll(async () => {
  await pushgateway.close();
  await database.close();
});

/** A service of its own, of which any version can be started. */
function openService() {
  const service = `s-${randomUUID()}`;
  const { client, table } = database;
  const ledger: Ledger = openDynamoDbLedger({ client, table, service, stage: STAGE });
  const { log } = createTestLog();
  const reading = {
    service,
    stage: STAGE,
    ledger,
    urls: [pushgateway.url],
    open: (url: string) => openPushgateway({ url }),
    windows: DEFAULT_WINDOWS,
    timeoutMs: 10_000,
  };
  let ahead = 0;
  return {
    service,
    /** Time passes for environments; the Pushgateway's clock stays. */
    passHour: () => {
      ahead += 3_600_000;
    },
    start: (version: string, metrics: readonly MetricDefinition[] = []) =>
      openEnvironment({
        service,
        stage: STAGE,
        component: "greet",
        version,
        targets: [openPushClient({ url: pushgateway.url })],
        log,
        metrics,
        pushTimeoutMs: 10_000,
        lease: { ...DEFAULT_LEASE, maxAgeMs: Infinity },
        clock: () => {
          const { wallMs, monotonicMs } = systemClock();
          return { wallMs: wallMs + ahead, monotonicMs: monotonicMs + ahead };
        },
      }),
    retire: () => retire({ ...reading, log, nowMs: Date.now }),
    page: async () => sampleLines(formatPage(await scrape(reading), "text")),
  };
}

async function count(environment: Environment, name: string, labels: LabelSet = {}): Promise<void> {
  const metrics = environment.startInvocation();
  metrics.increment(name, 1, labels);
  environment.merge(metrics);
  await environment.flush();
}

/** The value of the one series of this name with this label. */
function valueOf(page: ReadonlyMap<string, string>, name: string, label = ""): number | undefined {
  const [value, ...others] = [...page]
    .filter(([series]) => series.startsWith(`${name}{`) && series.includes(label))
    .map(([, one]) => Number(one));
  expect([name, others]).toEqual([name, []]);
  return value;
}

const SCHEMA = 2;

describe("two versions at once", () => {
  it("are added up, and build_info says which live", async () => {
    const { start, page } = openService();
    const [old, canary] = [start("1.0.0"), start("1.1.0")];
    for (const environment of [old, canary, old]) await count(environment, "greetings");
    const shown = await page();
    expect(valueOf(shown, "greetings_total")).toBe(3);
    expect(valueOf(shown, "build_info", 'version="1.0.0"')).toBe(1);
    expect(valueOf(shown, "build_info", 'version="1.1.0"')).toBe(1);
  });

  it("lose and repeat nothing when the new one is rolled back", async () => {
    const { start, page, retire } = openService();
    const old = start("1.0.0");
    await count(old, "greetings");
    const bad = start("1.1.0");
    await count(bad, "greetings");
    await bad.close(60_000);
    expect(await retire()).toMatchObject({ folded: 1, isComplete: true });
    await count(start("1.0.0"), "greetings");
    const shown = await page();
    expect(valueOf(shown, "greetings_total")).toBe(3);
    expect(valueOf(shown, "build_info", 'version="1.1.0"')).toBeUndefined();
  });

  it("that disagree on a family's type keep all others; the newer's waits for the older to go", async () => {
    const { start, page, passHour, retire } = openService();
    const clash = `clash_${randomUUID().replaceAll("-", "")}_total`;
    const old = start("1.0.0");
    await count(old, clash);
    const canary = start("1.1.0", [{ name: clash, type: "gauge", help: "A gauge by now." }]);
    const metrics = canary.startInvocation();
    metrics.gauge(clash, 7);
    canary.merge(metrics);
    await count(canary, "greetings");
    const both = await page();
    expect(valueOf(both, clash)).toBe(1);
    expect(valueOf(both, "greetings_total")).toBe(1);
    await old.close(60_000);
    await retire();
    passHour();
    await count(canary, "greetings");
    const alone = await page();
    expect(valueOf(alone, clash)).toBe(7);
    expect(valueOf(alone, "greetings_total")).toBe(2);
    expect(valueOf(alone, "metrics_page_conflicting_families")).toBe(1);
  });

  it("whose histograms have other buckets show a sum that is whole, and no bucket that falls", async () => {
    const { start, page } = openService();
    const bounds = [
      [1, 10],
      [2, 20],
    ];
    for (const [i, buckets] of bounds.entries()) {
      const sizes = { name: "sizes", type: "histogram", help: "Sizes.", buckets } as const;
      const environment = start(`1.${i}.0`, [sizes]);
      const metrics = environment.startInvocation();
      for (const size of [1, 2, 15]) metrics.histogram("sizes", size);
      environment.merge(metrics);
      await environment.flush();
    }
    const shown = await page();
    expect(valueOf(shown, "sizes_count")).toBe(6);
    expect(valueOf(shown, "sizes_sum")).toBe(36);
    const counts = ["1", "2", "10", "20", "+Inf"].map((le) =>
      valueOf(shown, "sizes_bucket", `le="${le}"`),
    );
    expect(counts).toEqual(counts.toSorted((a = 0, b = 0) => a - b));
  });

  it("don't read a ledger of a later schema: no page, nothing folded, nothing deleted", async () => {
    const { service, start, page, retire } = openService();
    const environment = start("1.0.0");
    await count(environment, "greetings");
    await environment.close(60_000);
    const { client, table } = database;
    const document = openDocument({
      client,
      table,
      pk: `LEDGER#${service}#${STAGE}`,
      name: "BASE",
    });
    await document.write(1, { schema: SCHEMA, totals: [], pushgateways: [] });
    const refused = { code: "READ_FAILED", detail: "ledger BASE: schema 2, expected at most 1" };
    await expect(page()).rejects.toMatchObject(refused);
    await expect(retire()).rejects.toMatchObject(refused);
    // Whoever knows that schema finds everything as it was.
    await document.write(2, { schema: SCHEMA - 1, totals: [], pushgateways: [] });
    expect(valueOf(await page(), "greetings_total")).toBe(1);
  });
});
