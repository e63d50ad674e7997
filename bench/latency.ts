/**
 * What callers wait for because of metrics. list-trades as it is packaged, 100 trades a response, beside
 * the same without metrics: same arrival rate, AWS's own runtime client, a Pushgateway 20 ms away. Then a
 * handler that does nothing: without metrics, with metrics that leave after the response, and with
 * metrics that leave before it. All are invoked at fixed times: at full speed those without a push would
 * never sleep, and a process that wakes answers half a millisecond later. Also the time an environment
 * works on after its response, which is billed.
 *
 *   node bench/latency.ts [--runs 5] [--rate 20] [--seconds 10]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { loadConfig } from "../lib/config/service-config.ts";
import { openTrades } from "../local/database.ts";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { makeSampleTrades } from "../local/sample-trades.ts";
import { apiEvent } from "../test/support/api-event.ts";
import { startFaultyProxy } from "../test/support/faulty-proxy.ts";
import type { InvocationResult } from "../test/support/lambda/invocation.ts";
import { createFunction, type LambdaFunction } from "../test/support/lambda/lambda-function.ts";
import { interleave, load, machine, median, ratio, report, type Finding } from "./figures.ts";
import { realPushgateway } from "./fleet.ts";
import { bundleFunction, type BundleOptions } from "./function-bundle.ts";
import { withDatabase } from "./scratch-database.ts";

const PUSHGATEWAY_AWAY_MS = 20;
const TRADES = 100;
/** Kept ready, so that no cold start is among what is measured. */
const ENVIRONMENTS = 4;
/** Of the handler that does nothing: longer apart than a push takes. */
const EMPTY_RATE = 20;
const EMPTY_SECONDS = 5;
const MAX_P50_RATIO = 1.1;
const MAX_P99_RATIO = 1.25;

const WITHOUT_METRICS = { "lib/measured.ts": "bench/unmeasured.ts" };
const BEFORE_RETURN = { "lib/metrics/flush/lambda-extension.ts": "bench/no-extension.ts" };
const EMPTY = `
  import { measured } from "./lib/measured.ts";
  export const handler = await measured("empty", async () => "done");
`;

/** What a run of invocations took, each in milliseconds. */
interface Times {
  /** From the event to the response. */
  readonly responses: readonly number[];
  /** From the response until the environment had nothing more to do. */
  readonly after: readonly number[];
}

await runCommand("node bench/latency.ts", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: { runs: { type: "string" }, rate: { type: "string" }, seconds: { type: "string" } },
  });
  const runs = numberOption("runs", values.runs, { min: 1, max: 100, fallback: 5 });
  const rate = numberOption("rate", values.rate, { min: 1, max: 1_000, fallback: 20 });
  const seconds = numberOption("seconds", values.seconds, { min: 1, max: 600, fallback: 10 });
  console.log(`${machine()}, ${load()}`);
  const scratch = mkdtempSync(join(tmpdir(), "k2-bench-"));
  const pushgateway = await realPushgateway().start();
  const away = { type: "delay-after", delayMs: PUSHGATEWAY_AWAY_MS } as const;
  const proxy = await startFaultyProxy({ target: pushgateway.url, faultOf: () => away });
  try {
    const findings = [
      ...(await compareListTrades({ scratch, pushgatewayUrl: proxy.url, runs, rate, seconds })),
      ...(await compareEmpty({ scratch, pushgatewayUrl: proxy.url, runs })),
    ];
    report(findings);
    return 0;
  } finally {
    await proxy.close();
    await pushgateway.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface ListTradesOptions {
  readonly scratch: string;
  readonly pushgatewayUrl: string;
  readonly runs: number;
  readonly rate: number;
  readonly seconds: number;
}

async function compareListTrades(options: ListTradesOptions): Promise<Finding[]> {
  const { scratch, pushgatewayUrl, runs, rate, seconds } = options;
  return withDatabase(scratch, async (database) => {
    const trades = openTrades({ ...database, isOwn: true }, loadConfig({}));
    const day = makeSampleTrades({ date: "2026-11-21", count: 5 * TRADES });
    await trades.store.recordTrades(day.filter(({ symbol }) => symbol === "BTCUSDT"));
    trades.close();
    const variables = {
      TABLE_NAME: database.table,
      DYNAMODB_ENDPOINT: database.endpoint,
      PUSHGATEWAY_URL: pushgatewayUrl,
      LOG_LEVEL: "warn",
    };
    const entry = { functionName: "list-trades" };
    const plain = await start({ entry, instead: WITHOUT_METRICS, scratch, variables });
    const measured = await start({ entry, scratch, variables });
    try {
      const event = apiEvent({ query: { symbol: "BTCUSDT", limit: String(TRADES) } });
      const invoke = (lambda: LambdaFunction) => () =>
        invokeAtRate({ lambda, event, rate, seconds });
      const measures = { plain: invoke(plain), measured: invoke(measured) };
      await Promise.all([plain.provision(ENVIRONMENTS), measured.provision(ENVIRONMENTS)]);
      await interleave(1, measures); // Warms up.
      return summarizeListTrades(await interleave(runs, measures), rate);
    } finally {
      await Promise.all([plain.close(), measured.close()]);
    }
  });
}

function summarizeListTrades(
  times: Readonly<Record<"plain" | "measured", readonly Times[]>>,
  rate: number,
): Finding[] {
  console.log(`\nlist-trades, ${TRADES} trades, ${rate} a second, ${load()}`);
  show("without metrics", times.plain);
  show("with metrics", times.measured);
  const ratioAt = (share: number) =>
    median(
      times.measured.map(
        ({ responses }, run) =>
          percentile(responses, share) / percentile(times.plain[run]?.responses ?? [], share),
      ),
    );
  const what = `response of list-trades (${TRADES} trades) with metrics ÷ without`;
  return [
    ratio(`${what}, p50`, ratioAt(0.5), MAX_P50_RATIO),
    ratio(`${what}, p99`, ratioAt(0.99), MAX_P99_RATIO),
    {
      what: "billed after the response of list-trades: with metrics, without",
      found: `${medianAfter(times.measured)}, ${medianAfter(times.plain)}`,
    },
  ];
}

async function compareEmpty(options: {
  readonly scratch: string;
  readonly pushgatewayUrl: string;
  readonly runs: number;
}): Promise<Finding[]> {
  const { scratch, pushgatewayUrl, runs } = options;
  const variables = { PUSHGATEWAY_URL: pushgatewayUrl, LOG_LEVEL: "warn" };
  const entry = { source: EMPTY };
  const common = { entry, scratch, variables, isFrozenWhenIdle: false };
  const functions = {
    without: await start({ ...common, instead: WITHOUT_METRICS }),
    "from the extension": await start(common),
    awaited: await start({ ...common, instead: BEFORE_RETURN }),
  };
  try {
    const measures = Object.fromEntries(
      Object.entries(functions).map(([name, lambda]) => [
        name,
        () => invokeAtRate({ lambda, event: {}, rate: EMPTY_RATE, seconds: EMPTY_SECONDS }),
      ]),
    );
    await interleave(1, measures);
    const times = await interleave(runs, measures);
    console.log(`\na handler that does nothing, ${EMPTY_RATE} a second, ${load()}`);
    for (const [name, all] of Object.entries(times)) show(name, all);
    const p50 = (name: string) =>
      median((times[name] ?? []).map(({ responses }) => percentile(responses, 0.5)));
    const found = Object.keys(functions).map((name) => `${p50(name).toFixed(2)} ms`);
    return [
      {
        what: "response of a handler that does nothing, p50: without metrics, from the extension, awaited",
        found: found.join(", "),
      },
    ];
  } finally {
    await Promise.all(Object.values(functions).map((lambda) => lambda.close()));
  }
}

interface StartOptions extends Omit<BundleOptions, "outfile"> {
  readonly scratch: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly isFrozenWhenIdle?: boolean;
}

async function start(options: StartOptions): Promise<LambdaFunction> {
  const { scratch, variables, isFrozenWhenIdle = true, ...bundle } = options;
  const taskRoot = mkdtempSync(join(scratch, "task-"));
  await bundleFunction({ ...bundle, outfile: join(taskRoot, "index.mjs") });
  return createFunction({
    taskRoot,
    handler: "index.handler",
    maxEnvironments: ENVIRONMENTS,
    isFrozenWhenIdle,
    timeoutMs: 10_000,
    initTimeoutMs: 60_000,
    variables,
  });
}

interface RateOptions {
  readonly lambda: LambdaFunction;
  readonly event: unknown;
  readonly rate: number;
  readonly seconds: number;
}

/** Invokes at fixed times, whatever has been answered by then. */
async function invokeAtRate({ lambda, event, rate, seconds }: RateOptions): Promise<Times> {
  const startedMs = performance.now();
  const results: Promise<InvocationResult>[] = [];
  for (let i = 0; i < rate * seconds; i += 1) {
    const dueMs = startedMs + (i * 1_000) / rate;
    if (dueMs > performance.now()) await delay(dueMs - performance.now());
    results.push(lambda.invoke(event));
  }
  return timesOf(await Promise.all(results));
}

async function timesOf(results: readonly InvocationResult[]): Promise<Times> {
  const responses: number[] = [];
  const after: number[] = [];
  for (const { payload, startedAtMs = Number.NaN, answeredAtMs, finished } of results) {
    if (payload !== '"done"' && !payload.includes('"statusCode":200')) throw new Error(payload);
    responses.push(answeredAtMs - startedAtMs);
    after.push((await finished).atMs - answeredAtMs);
  }
  return { responses, after };
}

function show(name: string, runs: readonly Times[]): void {
  const of = (share: number) =>
    median(runs.map(({ responses }) => percentile(responses, share))).toFixed(2);
  console.log(
    `  ${name.padEnd(20)} p50 ${of(0.5).padStart(7)} ms, p99 ${of(0.99).padStart(7)} ms, ` +
      `then ${medianAfter(runs)} of work`,
  );
}

function medianAfter(runs: readonly Times[]): string {
  return `${median(runs.map(({ after }) => percentile(after, 0.5))).toFixed(1)} ms`;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
}
