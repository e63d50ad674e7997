/**
 * Every expression of the dashboard and of the rules, asked of a real Prometheus that scrapes the
 * running service under traffic: none may fail, no panel may be empty.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { findProgram } from "../../local/find-pushgateway.ts";
import { freePort } from "../../local/ports.ts";
import { makeDashboard } from "../../ops/grafana/dashboard.ts";
import { panelsOf, withVariables } from "../support/dashboard.ts";
import { run, START_TIMEOUT_MS, untilReady, type Run } from "../support/stack.ts";

const RULES = join(import.meta.dirname, "../../ops/prometheus/rules");

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
}

const ALL_RULES = readdirSync(RULES)
  .map((name) => parse(readFileSync(join(RULES, name), "utf8")) as { groups: { rules: Rule[] }[] })
  .flatMap(({ groups }) => groups.flatMap(({ rules }) => rules));
const RECORDED = ALL_RULES.filter(({ record }) => record !== undefined);
const ALERTS = ALL_RULES.filter(({ alert }) => alert !== undefined);

const TARGETS = panelsOf(makeDashboard()).flatMap(({ title, targets }) =>
  targets.map(({ expr, legendFormat = "" }) => ({ title, legend: legendFormat, expr })),
);

/** What an alert compares: each series it names, with the labels it picks. */
const SELECTORS = [
  ...new Set(
    ALERTS.flatMap(
      ({ expr }) =>
        expr
          .replaceAll(/(?:by|on) \([^)]*\)/g, "")
          .match(/\b(?:up|[a-z]+[_:][\w:]*_?\w*)(?:\{[^}]*\})?(?=\s|\[|\)|$)/g) ?? [],
    ),
  ),
].filter((selector) => !selector.startsWith("histogram_quantile"));

/** The schedule of retirements runs each minute, and a rate needs two scrapes after that. */
const PATIENCE_MS = 150_000;

let stack: Run;
let traffic: Run;
const localDir = mkdtempSync(join(tmpdir(), "k2-expressions-"));
let prometheus = "";

beforeEach(({ skip }) => {
  if (findProgram(["prometheus"], process.env["PATH"]) !== undefined) return;
  const reason = "prometheus is not installed (Debian: apt-get install prometheus)";
  if (process.env["CI"] !== undefined) throw new Error(reason);
  skip(reason);
});

beforeAll(async () => {
  stack = run("start", { LOCAL_DIR: localDir, PORT: String(await freePort()) });
  const { servers } = await untilReady(stack, localDir);
  prometheus = servers?.prometheus ?? "";
  const seconds = String(PATIENCE_MS / 1_000 + 60);
  traffic = run("traffic", { LOCAL_DIR: localDir }, ["--rate", "10", "--duration", seconds]);
}, START_TIMEOUT_MS);

afterAll(async () => {
  traffic.process.kill("SIGINT");
  await traffic.ended;
  stack.process.kill("SIGINT");
  await stack.ended;
  rmSync(localDir, { recursive: true, force: true });
}, START_TIMEOUT_MS);

/** How many series answer; NaN values count as none, since a panel shows nothing for them. */
async function seriesCount(expression: string): Promise<number> {
  const answered = await fetch(
    `${prometheus}/api/v1/query?query=${encodeURIComponent(expression)}`,
  );
  const body = (await answered.json()) as {
    status: string;
    error?: string;
    data: { result: { value: [number, string] }[] };
  };
  if (body.status !== "success") throw new Error(`${expression}: ${body.error}`);
  return body.data.result.filter(({ value: [, value] }) => value !== "NaN").length;
}

async function untilAnswered(expression: string): Promise<void> {
  await vi.waitFor(async () => expect(await seriesCount(expression)).toBeGreaterThan(0), {
    timeout: PATIENCE_MS,
    interval: 1_000,
  });
}

describe(
  "with traffic, Prometheus answers",
  { concurrent: true, timeout: PATIENCE_MS + 30_000 },
  () => {
    it.each(TARGETS)("the panel $title, $legend", async ({ expr }) => {
      await untilAnswered(withVariables(expr, 30));
    });

    it.each(RECORDED)("the recorded $record", async ({ record = "" }) => {
      await untilAnswered(record);
    });

    it.each(SELECTORS)("what an alert looks at: %s", async (selector) => {
      await untilAnswered(selector);
    });
  },
);
