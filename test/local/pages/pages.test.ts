/** The pages in a real browser, before functions that count. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openGateway, type Gateway } from "../../../local/gateway.ts";
import { openPages } from "../../../local/pages/pages.ts";
import { isBrowserMissing, openBrowser } from "../../support/browser.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const API = readFileSync(new URL("../../../openapi.json", import.meta.url), "utf8");
const TOKEN = "open-sesame";

let browser: Browser;
let functions: Server;
let gateway: Gateway;
let count = 0;
let refusal: number | undefined;
const posted: string[] = [];

/** Counters that grow with every page: ten requests, half of them in a tenth of a second. */
function metrics(): string {
  count += 10;
  return [
    "# TYPE api_requests_total counter",
    `api_requests_total{component="list-trades",endpoint="/trades",method="GET",status_code="200"} ${count}`,
    `api_request_duration_seconds_bucket{endpoint="/trades",le="0.1"} ${count / 2}`,
    `api_request_duration_seconds_bucket{endpoint="/trades",le="+Inf"} ${count}`,
    `lambda_invocations_total{component="list-trades",outcome="success"} ${count}`,
    'metrics_page_environments{state="live"} 7',
    'metrics_page_environments{state="closed"} 2',
    "metrics_page_floor_held 0",
    "",
  ].join("\n");
}

beforeAll(async () => {
  if (isBrowserMissing) return;
  browser = await openBrowser();
  functions = createServer((request, response) => {
    const path = request.url ?? "";
    // As every answer of a function has; one without is taken for the emulator's own.
    response.setHeader("x-correlation-id", "a-function-answered");
    if (path === "/metrics") {
      const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
      response.statusCode = refusal ?? (isKnown ? 200 : 401);
      response.end(metrics());
    } else if (path === "/openapi.json") response.end(API);
    else if (path === "/symbols")
      response.end('{"symbols":[{"symbol":"ETHUSDT","last_trade_time":"2026-01-02T03:04:05Z"}]}');
    else {
      posted.push(`${request.method} ${path}`);
      response.end('{"count":0}');
    }
  }).listen(0, "127.0.0.1");
  await once(functions, "listening");
  const url = `http://127.0.0.1:${(functions.address() as AddressInfo).port}`;
  gateway = await openGateway({
    port: 0,
    functions: url,
    page: openPages({ functions: url, scrapeToken: TOKEN, prometheus: "http://127.0.0.1:9" }),
  });
}, 60_000);
afterAll(async () => {
  if (isBrowserMissing) return;
  await browser.close();
  await gateway.close();
  functions.close();
});

/** Opens a page and collects what it asks of other hosts, and its errors. */
async function open(
  path: string,
  options: { colorScheme?: "light" | "dark"; width?: number } = {},
): Promise<{ page: Page; faults: string[] }> {
  const { colorScheme = "light", width = 1_200 } = options;
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
  onTestFinished(async () => context.close());
  const page = await context.newPage();
  const own = `http://127.0.0.1:${gateway.port}`;
  const faults: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(own) && !request.url().startsWith("data:"))
      faults.push(request.url());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(`${own}${path}`);
  return { page, faults };
}

/** What axe finds against WCAG 2.2 A and AA. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
      };
    };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const found = await axe.run({ runOnly: { type: "tag", values: tags } });
    return found.violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`,
    );
  });
}

const TIMEOUT_MS = 120_000;

describe.skipIf(isBrowserMissing)("the dashboard", { timeout: TIMEOUT_MS }, () => {
  it("draws rates, quantiles, totals and environments from the page, and asks no other host", async () => {
    const { page, faults } = await open("/dashboard");
    await page.locator("#status[data-state=live]").waitFor();
    const tile = (term: string) => page.locator("#now div", { hasText: term }).locator("dd");
    await expect
      .poll(async () => Number.parseFloat(await tile("Requests").innerText()))
      .toBeGreaterThan(0);
    expect(await tile("Environments").innerText()).toBe("7 live, 2 closed");
    expect(await tile("Failed").innerText()).toBe("0 %");
    expect(await page.locator("#counters tr", { hasText: "api_requests_total" }).count()).toBe(1);
    const chart = page.getByRole("img", { name: /^Requests by route: GET \/trades [\d.]+$/ });
    await chart.waitFor();
    expect(
      await page
        .getByRole("img", { name: /^Latency: p50 100 ms, p90 100 ms, p99 100 ms$/ })
        .count(),
    ).toBe(1);
    expect(await page.getByRole("link", { name: "Prometheus" }).getAttribute("href")).toBe(
      "http://127.0.0.1:9/graph",
    );
    expect(faults).toEqual([]);
  });

  it("sends an example request to every route, with the newest symbol", async () => {
    const { page } = await open("/dashboard");
    await page.getByRole("button", { name: "GET /summary/ETHUSDT/2026-01-02" }).click();
    await expect.poll(async () => page.locator("#answer").innerText()).toMatch(/: 200 in \d+ ms/);
    expect(posted).toContain("GET /summary/ETHUSDT/2026-01-02");
    expect(await page.locator("#body").innerText()).toContain('"count": 0');
    const { paths } = JSON.parse(API) as { paths: Record<string, Record<string, unknown>> };
    const operations = Object.values(paths).flatMap((one) =>
      Object.keys(one).filter((method) => ["get", "post"].includes(method)),
    );
    expect(await page.locator("#routes button").count()).toBe(operations.length);
  });

  it("says that the page is refused, and goes on when it is back", async () => {
    const { page } = await open("/dashboard");
    await page.locator("#status[data-state=live]").waitFor();
    refusal = 503;
    await page.locator("#status[data-state=lost]").waitFor();
    expect(await page.locator("#status").innerText()).toContain("/metrics answers 503");
    refusal = undefined;
    await page.locator("#status[data-state=live]").waitFor();
  });

  it("is used by keyboard alone", async () => {
    const { page } = await open("/dashboard");
    await page.locator("#status[data-state=live]").waitFor();
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").innerText()).toBe("Skip to the numbers");
    await page.keyboard.press("Enter");
    expect(await page.locator(":focus").getAttribute("id")).toBe("now");
    await page.locator("#pause").focus();
    await page.keyboard.press("Space");
    expect(await page.locator("#pause").getAttribute("aria-pressed")).toBe("true");
    await page.locator("#status[data-state=paused]").waitFor();
  });

  it("follows the system's theme until one is chosen", async () => {
    const background = async (page: Page) =>
      page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const { page: light } = await open("/dashboard");
    const { page: dark } = await open("/dashboard", { colorScheme: "dark" });
    expect(await background(light)).toBe("rgb(246, 247, 249)");
    expect(await background(dark)).toBe("rgb(15, 17, 21)");
    await dark.locator("#theme").click();
    expect(await background(dark)).toBe("rgb(246, 247, 249)");
  });
});

describe.skipIf(isBrowserMissing)("the API reference", { timeout: TIMEOUT_MS }, () => {
  it("has every operation and schema of openapi.json, and no dead link", async () => {
    const { page, faults } = await open("/reference");
    const text = await page.locator("body").innerText();
    expect(text).toContain("Errors are problem details");
    expect(text).not.toContain("**");
    const { paths, components } = JSON.parse(API) as {
      paths: Record<string, object>;
      components: { schemas: object };
    };
    const headings = await page.locator("article > h2").allInnerTexts();
    for (const [path, operations] of Object.entries(paths)) {
      for (const method of Object.keys(operations))
        expect(headings).toContain(`${method.toUpperCase()} ${path}`);
    }
    for (const name of Object.keys(components.schemas))
      expect(await page.locator(`#schema-${name}`).count()).toBe(1);
    const links = await page.locator("a[href^='#']").all();
    const targets = await Promise.all(links.map(async (link) => link.getAttribute("href")));
    const dead: (string | null)[] = [];
    for (const target of new Set(targets)) {
      if ((await page.locator(target ?? "").count()) !== 1) dead.push(target);
    }
    expect(dead).toEqual([]);
    expect(faults).toEqual([]);
  });
});

describe.skipIf(isBrowserMissing)("both pages", { timeout: TIMEOUT_MS }, () => {
  const looks = ["/dashboard", "/reference"].flatMap((path) =>
    (["light", "dark"] as const).flatMap((colorScheme) =>
      [1_200, 360].map((width) => ({ path, colorScheme, width })),
    ),
  );

  it.each(looks)(
    "$path, $colorScheme, $width wide, has nothing that axe objects to",
    async ({ path, ...options }) => {
      const { page } = await open(path, options);
      if (path === "/dashboard")
        await page.getByRole("img", { name: /GET \/trades [\d.]+$/ }).waitFor();
      expect(await violations(page)).toEqual([]);
      const overflow = await page.evaluate<number>(
        "document.documentElement.scrollWidth - innerWidth",
      );
      expect(overflow).toBeLessThanOrEqual(0);
    },
  );
});
