import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { findProgram } from "../../local/find-pushgateway.ts";
import { freePort } from "../../local/ports.ts";
import { createLog } from "../../lib/log.ts";
import { openEnvironment, type Environment } from "../../lib/metrics/flush/environment.ts";
import { CONTENT_TYPES, formatPage, negotiateFormat } from "../../lib/metrics/page/exposition.ts";
import { DEFAULT_WINDOWS } from "../../lib/metrics/retire/ledger.ts";
import { openPushgateway, type Pushgateway } from "../../lib/metrics/read/pushgateway.ts";
import { scrape } from "../../lib/metrics/page/scrape.ts";
import { createMemoryLedger } from "../support/memory-ledger.ts";
import { startPushgateway, type TestPushgateway } from "../support/pushgateway.ts";

const PROMETHEUS = findProgram(["prometheus"], process.env["PATH"]);
/** Long, since the machine may be busy with all the other tests. */
const PATIENCE = { timeout: 90_000, interval: 100 };

const PROMTOOL = findProgram(["promtool"], process.env["PATH"]);

beforeEach((context) => {
  if (PROMETHEUS !== undefined && PROMTOOL !== undefined) return;
  const reason = "prometheus and promtool are not installed (Debian: apt-get install prometheus)";
  if (process.env["CI"] !== undefined) throw new Error(reason);
  context.skip(reason);
});

let pushgateway: TestPushgateway;
let client: Pushgateway;
let server: Server;
let prometheus: ChildProcess | undefined;
let folder: string;
let url = "";
const accepted = new Set<string>();

beforeAll(async () => {
  pushgateway = await startPushgateway();
  client = openPushgateway({ url: pushgateway.url, timeoutMs: 30_000 });
  folder = mkdtempSync(join(tmpdir(), "k2-prometheus-"));
  server = createServer((request, response) => {
    // The last scrape may meet a Pushgateway that is gone.
    answer(request.headers.accept, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  if (PROMETHEUS !== undefined) await startPrometheus(PROMETHEUS);
});
afterAll(async () => {
  if (prometheus !== undefined) {
    prometheus.kill("SIGKILL");
    await once(prometheus, "close");
  }
  server.close();
  client.close();
  await pushgateway.close();
  rmSync(folder, { recursive: true, force: true });
});

const ledger = createMemoryLedger();
const DEPLOYMENT = { service: "scraped", stage: "test" } as const;
const page = () =>
  scrape({
    ...DEPLOYMENT,
    ledger,
    urls: [client.url],
    open: () => client,
    windows: DEFAULT_WINDOWS,
    timeoutMs: 30_000,
  });

async function answer(
  accept: string | undefined,
  response: Parameters<Parameters<typeof createServer>[1] & object>[1],
): Promise<void> {
  const format = negotiateFormat(accept);
  accepted.add(format);
  response.setHeader("content-type", CONTENT_TYPES[format]);
  response.end(formatPage(await page(), format));
}

async function startPrometheus(program: string): Promise<void> {
  const { port } = server.address() as AddressInfo;
  const config = join(folder, "prometheus.yml");
  writeFileSync(
    config,
    `global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n  - job_name: page\n    honor_labels: true\n    static_configs: [{ targets: ["127.0.0.1:${port}"] }]\n`,
  );
  const listen = `127.0.0.1:${await freePort()}`;
  url = `http://${listen}`;
  prometheus = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "tsdb")}`,
      `--web.listen-address=${listen}`,
    ],
    { stdio: "ignore" },
  );
  await vi.waitUntil(
    () =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    PATIENCE,
  );
}

type Sample = readonly [seconds: number, value: string];

interface Series {
  readonly value: Sample;
  readonly values: readonly Sample[];
}

/** The one series that a query has as its result, if it has any by now. @param at Default: now. */
async function seriesOf(expression: string, at?: number): Promise<Series | undefined> {
  const parameters = new URLSearchParams({ query: expression });
  if (at !== undefined) parameters.set("time", at.toFixed(3));
  const answered = await fetch(`${url}/api/v1/query?${parameters.toString()}`);
  const { data } = (await answered.json()) as { data: { result: Series[] } };
  return data.result[0];
}

/** The value of an instant query that has one result; `NaN` while it has none. */
async function query(expression: string, at?: number): Promise<number> {
  return Number((await seriesOf(expression, at))?.value[1] ?? NaN);
}

function openTestEnvironment(): Environment {
  return openEnvironment({
    ...DEPLOYMENT,
    component: "fn",
    version: "1",
    targets: [client],
    log: createLog({ level: "silent" }),
  });
}

async function invoke(environment: Environment, milliseconds: readonly number[]): Promise<void> {
  const invocation = environment.startInvocation();
  for (const value of milliseconds) {
    invocation.increment("api_requests_total", 1, {
      method: "GET",
      endpoint: "/trades",
      status_code: "200",
    });
    invocation.histogram("query_duration_milliseconds", value, {
      engine: "dynamodb",
      query_type: "list_trades",
    });
  }
  environment.merge(invocation);
  expect(await environment.flush({ timeoutMs: 30_000 })).toBe(true);
}

describe("Prometheus scrapes the page", () => {
  it("sees every environment's counts as one, in OpenMetrics, and the right rates and quantiles", async () => {
    const environments = [openTestEnvironment(), openTestEnvironment(), openTestEnvironment()];
    for (const environment of environments) await invoke(environment, [1]);
    await vi.waitUntil(async () => (await query("api_requests_total")) === 3, PATIENCE);

    // Ninety queries of up to 5 ms and ten of up to 100: the median is among the first.
    const rest = [...Array<number>(90).fill(4), ...Array<number>(10).fill(90)];
    for (const [i, environment] of environments.entries()) {
      await invoke(
        environment,
        rest.filter((_, n) => n % environments.length === i),
      );
    }
    await vi.waitUntil(async () => (await query("api_requests_total")) === 103, PATIENCE);
    // PromQL extrapolates to the window's edges; where these are samples there is nothing to add.
    const all = (await seriesOf("api_requests_total[5m]"))?.values ?? [];
    // A scrape between the first three pushes has seen fewer.
    const samples = all.slice(all.findIndex(([, value]) => value === "3"));
    const [from = 0, to = 0] = [samples.at(0)?.[0], samples.at(-1)?.[0]];
    expect([samples.at(0)?.[1], samples.at(-1)?.[1]]).toEqual(["3", "103"]);
    // Prometheus 3 leaves out what is exactly at the window's beginning.
    const spanMs = Math.round((to - from) * 1_000);
    const window = `${spanMs + 1}ms`;
    const rate = await query(`rate(api_requests_total[${window}])`, to);
    expect(rate).toBeCloseTo(100 / (spanMs / 1_000), 9);
    expect(await query(`resets(api_requests_total[${window}])`, to)).toBe(0);
    // Of 103 queries 3 are in the bucket up to 1 ms, 90 in that from 2.5 to 5, 10 in that from 75 to 100.
    const quantile = (q: number) =>
      query(`histogram_quantile(${q}, sum by (le) (query_duration_milliseconds_bucket))`, to);
    expect(await quantile(0.5)).toBeCloseTo(2.5 + (2.5 * (0.5 * 103 - 3)) / 90, 9);
    expect(await quantile(0.99)).toBeCloseTo(75 + (25 * (0.99 * 103 - 93)) / 10, 9);
    expect(
      await query(
        'count(api_requests_total{service="scraped",component="fn",environment="test"})',
        to,
      ),
    ).toBe(1);
    expect(await query("up", to)).toBe(1);
    expect([...accepted]).toEqual(["openmetrics"]);
  }, 300_000);

  it("passes promtool's check but for its lint of the name given in milliseconds", async () => {
    await invoke(openTestEnvironment(), [1]);
    const text = formatPage(await page(), "text");
    let complaints = "";
    try {
      execFileSync(PROMTOOL ?? "", ["check", "metrics"], { input: text, stdio: "pipe" });
    } catch (error) {
      complaints = String((error as { stderr: Buffer }).stderr);
    }
    const lines = complaints.split("\n").filter((line) => line !== "");
    expect(lines.filter((line) => !line.startsWith("query_duration_milliseconds "))).toEqual([]);
  });
});
