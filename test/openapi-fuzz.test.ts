import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { needsKafka, openKafka, whyNoKafka, type KafkaBroker } from "./support/kafka/broker.ts";
import { needsPythonTools, pythonTool, whyNoPythonTools } from "./support/python-tools.ts";
import { startStack, type RunningStack } from "./support/running-stack.ts";
import { tempFolder } from "./support/temp-folder.ts";

const SUPPORT = join(import.meta.dirname, "support/schemathesis");
const DOCUMENT = join(import.meta.dirname, "../openapi.json");
const SCRAPE_TOKEN = "the-scrape-token-of-this-test";
/** The same requests each time for the same seed: their number bounds a run, and no clock. */
const SEED = process.env["SCHEMATHESIS_SEED"] ?? "1";
/** Requests made up for each operation, beside those that the document itself suggests. */
const EXAMPLES = Number(process.env["SCHEMATHESIS_EXAMPLES"] ?? 200);
/** It takes about 0.3 s an example on two cores. */
const TIMEOUT_MS = 300_000 + EXAMPLES * 3_000;

needsPythonTools();
needsKafka();

let kafka: KafkaBroker;
let stack: RunningStack;

beforeAll(async () => {
  if (whyNoPythonTools() !== undefined || whyNoKafka() !== undefined) return;
  kafka = await openKafka();
  stack = await startStack({
    KAFKA_BROKERS: kafka.addresses,
    KAFKA_TRADES_TOPIC: await kafka.createTopic(),
    KAFKA_DEAD_LETTER_TOPIC: await kafka.createTopic({ name: "dead-letters" }),
    METRICS_SCRAPE_TOKEN: SCRAPE_TOKEN,
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await stack?.end();
  stack?.remove();
  await kafka?.close();
}, 60_000);

it(
  `schemathesis finds nothing, with every check on (seed ${SEED}, ${EXAMPLES} examples)`,
  async () => {
    const folder = tempFolder();
    const document = join(folder, "openapi.json");
    writeFileSync(document, JSON.stringify(withoutKeys()));
    const config = join(SUPPORT, "schemathesis.toml");
    // Of the health checks, one asks how fast this machine makes up examples.
    const limits = ["--max-examples", String(EXAMPLES), "--request-timeout", "60"];
    const generation = ["--seed", SEED, "--suppress-health-check", "too_slow"];
    const args = ["--config-file", config, "run", document, "--url", stack.url, "--checks", "all"];
    const options = [...args, ...limits, ...generation, "--no-color"];
    const child = spawn(pythonTool("schemathesis"), options, {
      cwd: folder,
      env: {
        PATH: process.env["PATH"],
        HOME: folder,
        HOOKS: join(SUPPORT, "hooks.py"),
        SCRAPE_TOKEN,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit"),
    ]);
    expect(code, `${output}\n${errors}`).toBe(0);
    expect(output).toMatch(/\b(\d{3,}) generated/);
  },
  TIMEOUT_MS,
);

/** The local stack asks for no API key: that check is API Gateway's. */
function withoutKeys(): object {
  const document = JSON.parse(readFileSync(DOCUMENT, "utf8")) as {
    paths: Record<string, Record<string, { security?: Record<string, unknown>[] }>>;
  };
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path)))
    if (operation.security?.some((scheme) => "apiKey" in scheme)) delete operation.security;
  return document;
}
