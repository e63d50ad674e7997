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
  client = openPushgateway({ url: pushgateway.url });
  folder = mkdtempSync(join(tmpdir(), "k2-prometheus-"));
  server = createServer((request, response) => void answer(request.headers.accept, response));
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
    timeoutMs: 5_000,
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
    `global: { scrape_interval: 250ms, scrape_timeout: 250ms }\nscrape_configs:\n  - job_name: page\n    honor_labels: true\n    static_configs: [{ targets: ["127.0.0.1:${port}"] }]\n`,
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
    {
      timeout: 20_000,
      interval: 100,
    },
  );
}

/** The value of an instant query that has one result; `NaN` while it has none. */
async function query(expression: string): Promise<number> {
  const answered = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { data } = (await answered.json()) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? NaN);
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
  expect(await environment.flush({ timeoutMs: 5_000 })).toBe(true);
}

describe("Prometheus scrapes the page", () => {
  it("sees every environment's counts as one, in OpenMetrics, and the right rates and quantiles", async () => {
    const environments = [openTestEnvironment(), openTestEnvironment(), openTestEnvironment()];
    for (const environment of environments) await invoke(environment, [1]);
    await vi.waitUntil(async () => (await query("api_requests_total")) === 3, { timeout: 20_000 });

    // Ninety queries of up to 5 ms and ten of up to 100: the median is among the first.
    const rest = [...Array<number>(90).fill(4), ...Array<number>(10).fill(90)];
    for (const [i, environment] of environments.entries()) {
      await invoke(
        environment,
        rest.filter((_, n) => n % environments.length === i),
      );
    }
    await vi.waitUntil(async () => (await query("api_requests_total")) === 103, {
      timeout: 20_000,
    });
    // The increase is exact between the first and the last sample; PromQL extrapolates the edges.
    expect(await query("api_requests_total - min_over_time(api_requests_total[1m])")).toBe(100);
    expect(await query("rate(api_requests_total[1m]) > bool 0")).toBe(1);
    expect(await query("resets(api_requests_total[1m])")).toBe(0);
    const quantile = (q: number) =>
      query(`histogram_quantile(${q}, sum by (le) (query_duration_milliseconds_bucket))`);
    const median = await quantile(0.5);
    expect(median).toBeGreaterThan(2.5);
    expect(median).toBeLessThanOrEqual(5);
    const p99 = await quantile(0.99);
    expect(p99).toBeGreaterThan(75);
    expect(p99).toBeLessThanOrEqual(100);
    expect(
      await query('count(api_requests_total{service="scraped",component="fn",environment="test"})'),
    ).toBe(1);
    expect(await query("up")).toBe(1);
    expect([...accepted]).toEqual(["openmetrics"]);
  });

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
