/**
 * What publish-trades costs, as it is packaged. Cold start: importing its bundle in a fresh process,
 * beside a bundle with Kafka's client as that comes, and beside the function without Kafka. Then
 * trades a second of one environment, one request after the other, beside the bare client sending the
 * same records. The broker is the embedded one, in a thread of its own, or what KAFKA_BROKERS names.
 *
 *   node bench/publish.ts [--runs 7] [--requests 200]
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Admin } from "@platformatic/kafka";
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from "aws-lambda";
import { build } from "esbuild";
import { parse } from "yaml";
import { openKafkaProducer } from "../lib/trades/kafka-producer.ts";
import { encodeTrade } from "../lib/trades/topic-record.ts";
import type { Trade } from "../lib/trades/trade.ts";
import { PROJECT } from "../local/folder.ts";
import { numberOption, parseOptions, runCommand } from "../local/options.ts";
import { makeSampleTrades } from "../local/sample-trades.ts";

const TOPIC = "bench-publish";
const PARTITIONS = 3;
const BATCHES = [1, 500];
const TIMEOUT_MS = 10_000;
/** Nothing listens there; to be configured is enough for the client to be loaded. */
const NOWHERE = "127.0.0.1:1";

/** Without it the client can't be bundled at all. */
const NEEDED_ALIAS = "@platformatic/wasm-utils";

const IMPORT = `
  const startedAt = performance.now();
  await import(process.argv[1]);
  process.stdout.write(String(performance.now() - startedAt), () => process.exit());
`;

const SERVERS = `
  const { parentPort, workerData } = require("node:worker_threads");
  (async () => {
    const { startEmbeddedKafka } = await import(workerData.kafka);
    const { startPushgateway } = await import(workerData.pushgateway);
    const broker = await startEmbeddedKafka({ folder: workerData.folder, port: 0 });
    const { url } = await startPushgateway({ port: 0 });
    parentPort.postMessage({ broker: broker.address, pushgateway: url });
  })();
`;

type Handler = (event: APIGatewayProxyEvent, context: Context) => Promise<APIGatewayProxyResult>;

await runCommand("node bench/publish.ts", main);
process.exit();

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseOptions({
    args: [...argv],
    options: { runs: { type: "string" }, requests: { type: "string" } },
  });
  const runs = numberOption("runs", values.runs, { min: 1, max: 100, fallback: 7 });
  const requests = numberOption("requests", values.requests, { min: 1, max: 1e5, fallback: 200 });
  const scratch = mkdtempSync(join(tmpdir(), "k2-bench-"));
  try {
    console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, Node.js ${process.version}`);
    symlinkSync(join(PROJECT, "node_modules"), join(scratch, "node_modules"));
    const packaged = await bundle(scratch, "packaged", () => true);
    const plain = await bundle(scratch, "plain", (name) => !isOfKafka(name));
    compareColdStarts({ packaged, plain, runs });
    await compareRates({ scratch, packaged, runs, requests });
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function isOfKafka(alias: string): boolean {
  return alias !== NEEDED_ALIAS && !alias.startsWith("@aws-sdk/");
}

/** Bundles the function as serverless.yml says. @param isWanted of the aliases there. */
async function bundle(
  folder: string,
  name: string,
  isWanted: (alias: string) => boolean,
): Promise<string> {
  const { custom } = parse(readFileSync(join(PROJECT, "serverless.yml"), "utf8"), {
    logLevel: "silent",
  }) as { custom: { esbuild: Record<string, unknown> & { alias: Record<string, string> } } };
  const { target, format, mainFields, banner, alias } = custom.esbuild;
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [join(PROJECT, "functions/publish-trades.ts")],
    absWorkingDir: PROJECT,
    bundle: true,
    minify: true,
    platform: "node",
    target: target as string,
    format: format as "esm",
    mainFields: mainFields as string[],
    banner: banner as Record<string, string>,
    alias: Object.fromEntries(Object.entries(alias).filter(([from]) => isWanted(from))),
    outfile,
    logLevel: "error",
  });
  return outfile;
}

function compareColdStarts(options: {
  readonly packaged: string;
  readonly plain: string;
  readonly runs: number;
}): void {
  const { packaged, plain, runs } = options;
  const variants = {
    "as packaged": () => importMs(packaged, NOWHERE),
    "client as it comes": () => importMs(plain, NOWHERE),
    "without Kafka": () => importMs(packaged, ""),
  };
  const medians = interleave(variants, runs);
  console.log(`\ncold start: import in a fresh process, median of ${runs}`);
  for (const [name, ms] of Object.entries(medians)) {
    const ratio = (ms / (medians["client as it comes"] ?? 1)).toFixed(2);
    console.log(`  ${name.padEnd(20)} ${ms.toFixed(1).padStart(8)} ms  ${ratio}`);
  }
  const sizes = [packaged, plain].map((path) => `${Math.round(statSync(path).size / 1024)} KB`);
  console.log(`  bundle ${sizes[0]}, with the client as it comes ${sizes[1]}`);
}

function importMs(path: string, brokers: string): number {
  const script = ["--input-type=module", "--eval", IMPORT, path];
  const env = { KAFKA_BROKERS: brokers, LOG_LEVEL: "silent" };
  return Number(execFileSync(process.execPath, script, { env, encoding: "utf8" }));
}

interface RateOptions {
  readonly scratch: string;
  readonly packaged: string;
  readonly runs: number;
  readonly requests: number;
}

async function compareRates({ scratch, packaged, runs, requests }: RateOptions): Promise<void> {
  const { brokers, pushgateway } = await startServers(scratch);
  await makeTopic(brokers);
  Object.assign(process.env, {
    KAFKA_BROKERS: brokers.join(","),
    KAFKA_TRADES_TOPIC: TOPIC,
    PUSHGATEWAY_URL: pushgateway,
    // On Lambda the metrics leave after the response; here they leave out of sight.
    METRICS_STRATEGY: "adaptive",
    METRICS_FLUSH_INTERVAL_MS: "600000",
    LOG_LEVEL: "silent",
  });
  const { handler } = (await import(packaged)) as { handler: Handler };
  const producer = openKafkaProducer({ clientId: "bench", brokers });
  console.log(`\ntrades a second, ${requests} requests in turn, median of ${runs}`);
  for (const batch of BATCHES) {
    const trades = makeSampleTrades({ date: "2026-11-23", count: batch * 2 }).slice(0, batch);
    const count = batch === 1 ? requests : Math.ceil(requests / 10);
    const variants = {
      "POST /trades": async () => post(handler, trades),
      "client alone": async () => {
        const records = trades.map((trade) => encodeTrade(trade, { correlationId: "bench" }));
        const { failure } = await producer.send(TOPIC, records, { timeoutMs: TIMEOUT_MS });
        if (failure !== undefined) throw failure.cause;
      },
    };
    const rates = await measureRates(variants, { batch, count, runs });
    const ratio = (rates["POST /trades"] ?? 0) / (rates["client alone"] ?? 1);
    const columns = Object.entries(rates).map(([name, rate]) => `${name} ${round(rate)}`);
    console.log(
      `  batch ${String(batch).padStart(3)}: ${columns.join(", ")}, ratio ${ratio.toFixed(2)}`,
    );
  }
}

async function measureRates(
  variants: Readonly<Record<string, () => Promise<void>>>,
  { batch, count, runs }: { readonly batch: number; readonly count: number; readonly runs: number },
): Promise<Record<string, number>> {
  const rates = new Map<string, number[]>(Object.keys(variants).map((name) => [name, []]));
  // The first round warms up.
  for (let run = 0; run <= runs; run += 1)
    for (const [name, send] of Object.entries(variants)) {
      const startedAt = performance.now();
      for (let sent = 0; sent < count; sent += 1) await send();
      const seconds = (performance.now() - startedAt) / 1_000;
      if (run > 0) rates.get(name)?.push((batch * count) / seconds);
    }
  return Object.fromEntries([...rates].map(([name, all]) => [name, median(all)]));
}

async function post(handler: Handler, trades: readonly Trade[]): Promise<void> {
  const event = {
    httpMethod: "POST",
    resource: "/trades",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(trades),
    requestContext: { requestId: "bench", path: "/trades" },
  } as unknown as APIGatewayProxyEvent;
  const context = { awsRequestId: "bench", getRemainingTimeInMillis: () => 10_000 };
  const { statusCode, body } = await handler(event, context as Context);
  if (statusCode !== 202) throw new Error(`status ${statusCode}: ${body}`);
}

async function startServers(
  scratch: string,
): Promise<{ readonly brokers: string[]; readonly pushgateway: string }> {
  const worker = new Worker(SERVERS, {
    eval: true,
    workerData: {
      kafka: join(PROJECT, "local/kafka/server.ts"),
      pushgateway: join(PROJECT, "local/pushgateway/server.ts"),
      folder: join(scratch, "kafka"),
    },
  });
  const started = await new Promise<{ broker: string; pushgateway: string }>((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
  const given = (process.env["KAFKA_BROKERS"] ?? "").split(",").filter((broker) => broker !== "");
  console.log(`\nbroker: ${given.length > 0 ? given.join(",") : "embedded"}`);
  return {
    brokers: given.length > 0 ? given : [started.broker],
    pushgateway: started.pushgateway,
  };
}

async function makeTopic(brokers: string[]): Promise<void> {
  const admin = new Admin({ clientId: "bench", bootstrapBrokers: brokers });
  const topics = await admin.listTopics();
  if (!topics.includes(TOPIC))
    await admin.createTopics({ topics: [TOPIC], partitions: PARTITIONS });
  await admin.close();
}

function interleave(
  variants: Readonly<Record<string, () => number>>,
  runs: number,
): Record<string, number> {
  const found = new Map<string, number[]>(Object.keys(variants).map((name) => [name, []]));
  // The first round fills the file system's cache.
  for (let run = 0; run <= runs; run += 1)
    for (const [name, measure] of Object.entries(variants)) {
      const value = measure();
      if (run > 0) found.get(name)?.push(value);
    }
  return Object.fromEntries([...found].map(([name, values]) => [name, median(values)]));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function round(rate: number): string {
  return Math.round(rate).toLocaleString("en-US");
}
