/** The example of another team's function, as that team has it: with this package packed and installed. */

import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { apiEvent } from "../support/api-event.ts";
import { startTestDynamoDB } from "../support/dynamodb.ts";
import { createFunction } from "../support/lambda/lambda-function.ts";
import { needsRuntimeClient } from "../support/lambda/needs-runtime-client.ts";
import { readZip } from "../support/packaged-service.ts";
import { startPushgateway } from "../support/pushgateway.ts";

const ROOT = join(import.meta.dirname, "../..");
const BINARIES = join(ROOT, "node_modules/.bin");
const FUNCTIONS = ["greet", "scrape-metrics", "retire-environments"];

const STRICTEST = [
  "--strict",
  "--exactOptionalPropertyTypes",
  "--noUncheckedIndexedAccess",
  "--noImplicitOverride",
  "--noPropertyAccessFromIndexSignature",
  "--verbatimModuleSyntax",
  "--isolatedModules",
];

let folder: string;
let files: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "k2-greeter-"));
  cpSync(join(ROOT, "examples/greeter"), folder, { recursive: true });
  const [packed] = JSON.parse(
    run("npm", ["pack", "--json", "--pack-destination", folder], ROOT),
  ) as { filename: string; files: { path: string }[] }[];
  files = (packed?.files ?? []).map(({ path }) => path);
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "k2-trades"), { recursive: true });
  run("tar", [
    "-xzf",
    join(folder, packed?.filename ?? ""),
    "--strip-components=1",
    "-C",
    join(modules, "k2-trades"),
  ]);
  // What npm would install beside it is what is installed here.
  const { dependencies } = readJson(join(ROOT, "package.json"));
  const { devDependencies } = readJson(join(folder, "package.json"));
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  run("serverless", ["package"]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[], cwd = folder): string {
  return execFileSync(command, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: `${BINARIES}:${process.env["PATH"]}`, HOME: folder },
  });
}

function readJson(path: string): Record<string, Record<string, string>> {
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, Record<string, string>>;
}

it("is packed with what the three entries need, and nothing of trades or tests", () => {
  const foreign = files.filter(
    (path) => !/^(?:dist\/|package\.json$|README\.md$|LICENSE$)/.test(path),
  );
  expect(foreign).toEqual([]);
  expect(files.filter((path) => /trade|kafka|service|\/test\//.test(path))).toEqual([]);
  for (const path of ["lib/measured", "lib/metrics-page", "functions/retire-environments"])
    expect(files).toEqual(expect.arrayContaining([`dist/${path}.js`, `dist/${path}.d.ts`]));
});

it("takes one line of a function, and one or two of the others", () => {
  const source = FUNCTIONS.map((name) =>
    readFileSync(join(folder, `functions/${name}.ts`), "utf8"),
  );
  const statements = source.map((text) =>
    text.split("\n").filter((line) => line.startsWith("export")),
  );
  expect(statements.map((lines) => lines.length)).toEqual([1, 1, 1]);
  const [greet = ""] = source;
  const handler = greet.slice(greet.indexOf("export const handler"));
  expect(handler.trimEnd().split("\n").length).toBeLessThanOrEqual(10);
});

it.each([
  ["as the example has them", []],
  ["that check everything, declarations too", STRICTEST],
  ["of a bundler", [...STRICTEST, "--module", "esnext", "--moduleResolution", "bundler"]],
])("type-checks against the packed declarations with settings %s", (_fact, settings) => {
  expect(run("tsc", ["-p", ".", "--skipLibCheck", "false", ...settings])).toBe("");
});

it("packages, each function with a role of its own, beside the ledger's table and the schedule", () => {
  const template = readFileSync(
    join(folder, ".serverless/cloudformation-template-update-stack.json"),
    "utf8",
  );
  const { Resources } = JSON.parse(template) as {
    Resources: Record<string, { Type: string; Properties: { Role?: unknown } }>;
  };
  const all = Object.values(Resources);
  const functions = all.filter(({ Type }) => Type === "AWS::Lambda::Function");
  const roles = functions.map(({ Properties }) => JSON.stringify(Properties.Role));
  expect(functions).toHaveLength(FUNCTIONS.length);
  expect(new Set(roles).size).toBe(FUNCTIONS.length);
  const types = all.map(({ Type }) => Type);
  expect(types).toEqual(expect.arrayContaining(["AWS::DynamoDB::Table", "AWS::Events::Rule"]));
});

describe("at work under AWS's runtime client", () => {
  needsRuntimeClient();

  it("greets, is counted once and for all, and leaves no group behind", async () => {
    const dynamodb = await startTestDynamoDB();
    onTestFinished(async () => dynamodb.close());
    const pushgateway = await startPushgateway();
    onTestFinished(async () => pushgateway.close());
    const variables = {
      SERVICE_NAME: "greeter",
      STAGE: "test",
      TABLE_NAME: dynamodb.table,
      DYNAMODB_ENDPOINT: dynamodb.endpoint,
      PUSHGATEWAY_URL: pushgateway.url,
      METRICS_PUSH_TIMEOUT_MS: "10000",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local",
    };
    const open = async (name: string) => {
      const lambda = createFunction({
        name,
        taskRoot: await unpack(name),
        handler: `functions/${name}.handler`,
        variables,
        timeoutMs: 20_000,
      });
      onTestFinished(async () => lambda.close());
      return lambda;
    };
    const greet = await open("greet");
    const scrape = await open("scrape-metrics");
    const retire = await open("retire-environments");
    const page = async () => {
      const { payload } = await scrape.invoke(apiEvent({ route: "/metrics" }));
      return (JSON.parse(payload) as { body: string }).body;
    };
    const greetings =
      'greetings_total{component="greet",environment="test",instance="",language="en",service="greeter"}';

    const answers: unknown[] = [];
    for (const name of ["Ada", "Grace", "Hedy"]) {
      const { payload, finished } = await greet.invoke({ name, waiting: 4 });
      answers.push(JSON.parse(payload));
      // One after the other, so that one environment does it all.
      await finished;
    }
    expect(answers).toEqual(["Hello, Ada!", "Hello, Grace!", "Hello, Hedy!"]);
    const shown = await page();
    expect(shown).toContain(`${greetings} 3\n`);
    expect(shown).toContain(`${greetings.replace('"en"', '"de"')} 0\n`);
    expect(shown).toMatch(/^guests_waiting\{.*\} 4$/m);

    // Its environment ends with a closing mark, so it may be retired at once.
    await greet.close();
    const run = await retire.invoke({});
    expect(run.functionError).toBeUndefined();
    await run.finished;
    expect(await (await fetch(`${pushgateway.url}/metrics`)).text()).not.toContain(
      "greetings_total",
    );
    expect(await page()).toContain(`${greetings} 3\n`);
  }, 60_000);
});

/** The functions as `serverless package` made them, each in a folder of its own. */
async function unpack(name: string): Promise<string> {
  const taskRoot = join(folder, "tasks", name);
  for (const [path, content] of await readZip(join(folder, ".serverless", `${name}.zip`))) {
    mkdirSync(join(taskRoot, dirname(path)), { recursive: true });
    writeFileSync(join(taskRoot, path), content);
  }
  return taskRoot;
}
