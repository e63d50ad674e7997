import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startPushgateway } from "../../local/pushgateway/server.ts";
import { apiEvent } from "../support/api-event.ts";
import { startFaultyProxy, type FaultyProxy } from "../support/faulty-proxy.ts";

const ROOT = join(import.meta.dirname, "../..");
const INVOCATIONS = 3;
/** Of a process, which a busy machine may take long to start; a test waits for it longer. */
const PROCESS_TIMEOUT_MS = 60_000;
vi.setConfig({ testTimeout: 2 * PROCESS_TIMEOUT_MS });

let proxy: FaultyProxy;
let close: () => Promise<void>;
let from = 0;

beforeAll(async () => {
  const pushgateway = await startPushgateway({ port: 0 });
  proxy = await startFaultyProxy({ target: pushgateway.url });
  close = () => Promise.all([proxy.close(), pushgateway.close()]).then(() => undefined);
});
beforeEach(() => {
  from = proxy.requests.length;
});
afterAll(() => close());

const methods = () => proxy.requests.slice(from).map(({ method }) => method);

/** Answers an event a few times with a handler in a process of its own; the answers come last. */
const INVOKER = `
  const [event, invocations] = process.argv.slice(1);
  const context = { getRemainingTimeInMillis: () => 20_000 };
  const answers = [];
  for (let i = 0; i < Number(invocations); i += 1)
    answers.push(await handler(JSON.parse(event), context));
  process.stdout.write(JSON.stringify(answers), () => process.exit());
`;

async function run(handler: string, variables: Readonly<Record<string, string>>, event: object) {
  const args = ["--input-type=module", "--eval", handler + INVOKER];
  const env = { PUSHGATEWAY_URL: proxy.url, METRICS_PUSH_TIMEOUT_MS: "20000", ...variables };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...args, JSON.stringify(event), String(INVOCATIONS)],
    { env, timeout: PROCESS_TIMEOUT_MS, cwd: ROOT },
  );
  const lines = stdout.split("\n");
  const answers = JSON.parse(lines.pop() ?? "") as { statusCode: number; body: string }[];
  const errors = lines.filter((line) => line.includes('"level":"error"'));
  return { answers, errors, stdout };
}

const invoke = (name: string, variables: Readonly<Record<string, string>> = {}, route = "/") =>
  run(
    `const { handler } = await import("./functions/${name}.ts");`,
    variables,
    apiEvent({ route }),
  );

const ANSWERED = Array.from({ length: INVOCATIONS }, () => 200);
const PUSHED = Array.from({ length: INVOCATIONS }, () => "PUT");

const BAD: [named: string, variables: Record<string, string>][] = [
  // Times that could retire a live environment.
  ["METRICS_RETIRE_AFTER_SECONDS", { METRICS_LEASE_SECONDS: "1800" }],
  ["METRICS_MARGIN_SECONDS", { METRICS_MARGIN_SECONDS: "0" }],
  ["METRICS_STRATEGY", { METRICS_STRATEGY: "hunter2" }],
  ["METRICS_DISABLED", { METRICS_DISABLED: "hunter2" }],
  ["PUSHGATEWAY_URL.0", { PUSHGATEWAY_URL: "ftp://hunter2" }],
  ["PUSHGATEWAY_TOKEN", { PUSHGATEWAY_TOKEN: "hunter2", PUSHGATEWAY_USERNAME: "me" }],
];

describe("a bad variable of metrics", () => {
  it.each(BAD)(
    "keeps a function from pushing and from nothing else, with one error that names %s (promise 5)",
    async (named, variables) => {
      const { answers, errors, stdout } = await invoke("show-index", variables);
      expect(answers.map(({ statusCode }) => statusCode)).toEqual(ANSWERED);
      expect(errors).toHaveLength(1);
      expect(errors[0]).toContain("metrics are not pushed");
      expect(errors[0]).toContain(`INVALID_CONFIG: ${named}: expected`);
      expect(stdout).not.toContain("hunter2");
      expect(methods()).toEqual([]);
    },
  );

  it.each(["scrape-metrics", "retire-environments"])("keeps %s from starting", async (name) => {
    await expect(invoke(name, { METRICS_LEASE_SECONDS: "1800" })).rejects.toThrow(
      /INVALID_CONFIG: METRICS_RETIRE_AFTER_SECONDS: expected/,
    );
    expect(methods()).toEqual([]);
  });

  it("is the only thing that does: with the defaults it pushes", async () => {
    const { errors } = await invoke("show-index");
    expect(errors).toEqual([]);
    expect(methods()).toEqual(PUSHED);
  });

  it("shows in the health of the service as a Pushgateway that is not reached", async () => {
    const checks = await healthChecks({ METRICS_STRATEGY: "often" });
    expect(checks.find(({ name }) => name === "pushgateway")).toMatchObject({ status: "failed" });
  });
});

describe("METRICS_DISABLED=true", () => {
  it("keeps a function from pushing, without a word", async () => {
    const { answers, errors } = await invoke("show-index", { METRICS_DISABLED: "true" });
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(ANSWERED);
    expect(errors).toEqual([]);
    expect(methods()).toEqual([]);
  });

  it("makes no Pushgateway part of the service's health", async () => {
    const checks = await healthChecks({ METRICS_DISABLED: "true" });
    expect(checks.map(({ name }) => name)).toEqual(["dynamodb"]);
  });
});

async function healthChecks(variables: Readonly<Record<string, string>>) {
  const aws = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" };
  const nowhere = { ...aws, DYNAMODB_ENDPOINT: "http://127.0.0.1:9" };
  const { answers } = await invoke("check-health", { ...nowhere, ...variables }, "/health");
  return (JSON.parse(answers[0]?.body ?? "") as { checks: { name: string; status: string }[] })
    .checks;
}

describe("variables of this service that another team's function has for something else", () => {
  const foreign = {
    KAFKA_BROKERS: "none",
    KAFKA_TLS: "on",
    TRADE_SHARDS: "12",
    RECENT_SHARDS: "many",
    CORS_ORIGINS: "all of them",
    LOG_LEVEL: "TRACE",
  };

  it("are not looked at by a measured function", async () => {
    const handler = `
      const { measured } = await import("./lib/measured.ts");
      const handler = await measured("greet", async () => ({ statusCode: 200 }));`;
    const variables = { ...foreign, TABLE_NAME: "x", METRICS_SCRAPE_TOKEN: "short" };
    const { answers, errors } = await run(handler, variables, {});
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(ANSWERED);
    expect(errors).toEqual([]);
    expect(methods()).toEqual(PUSHED);
  });

  it.each([
    ["page", `import { metricsPage } from "./lib/metrics-page.ts"; await metricsPage();`],
    ["retirement", `await import("./functions/retire-environments.ts");`],
  ])("are not looked at by its %s", async (_kind, code) => {
    const ready = promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", `${code} process.stdout.write("ready");`],
      { env: foreign, timeout: PROCESS_TIMEOUT_MS, cwd: ROOT },
    );
    expect((await ready).stdout).toBe("ready");
  });
});
