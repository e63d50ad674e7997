import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES, TEMPLATES } from "../../lib/routes.ts";
import { startMoto, type Moto } from "../support/moto.ts";
import { needsPythonTools, whyNoPythonTools } from "../support/python-tools.ts";
import { runServerless } from "../support/serverless-cli.ts";
import type { Template } from "../support/template/template.ts";

/** moto's CloudFormation passes over these; the template's own tests hold them to their schema. */
const NOT_EMULATED = [
  "AWS::ApiGateway::Account",
  "AWS::ApiGateway::ApiKey",
  "AWS::ApiGateway::GatewayResponse",
  "AWS::ApiGateway::UsagePlan",
  "AWS::ApiGateway::UsagePlanKey",
  "AWS::S3::BucketPolicy",
];
const STACK = "k2-trades-prod";
const REFERENCE = "{{resolve:secretsmanager:k2-trades/prod:SecretString:scrapeToken}}";
const DEPLOY = ["deploy", "--stage", "prod", `--param=metricsScrapeToken=${REFERENCE}`];
const TIMEOUT_MS = 300_000;

interface DeployedFunction {
  readonly FunctionName: string;
  readonly Handler: string;
  readonly Runtime: string;
  readonly Timeout: number;
  readonly MemorySize: number;
  readonly Environment: { readonly Variables: Readonly<Record<string, string>> };
}

needsPythonTools();

let folder: string;
let moto: Moto;
let template: Template;

const serverless = (...args: string[]) => runServerless(args, { endpoint: moto.url, folder });

beforeAll(async () => {
  if (whyNoPythonTools() !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), "k2-deploy-"));
  moto = await startMoto();
  await serverless(...DEPLOY, "--param=version=one");
  const answer = await stack("GetTemplate");
  template = JSON.parse(unescape(/<TemplateBody>([^]*)<\/TemplateBody>/.exec(answer)?.[1] ?? ""));
}, TIMEOUT_MS);
afterAll(async () => {
  await moto?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

describe("serverless deploy", () => {
  it("completes the stack, with every resource of the template", async () => {
    expect(await stack("DescribeStacks")).toMatch(/<StackStatus>(?:CREATE|UPDATE)_COMPLETE</);
    const made = resourcesIn(await stack("DescribeStackResources"));
    const missing = Object.entries(template.Resources).filter(([id]) => !made.has(id));
    expect([...new Set(missing.map(([, { Type }]) => Type))].toSorted()).toEqual(NOT_EMULATED);
    expect([...made.values()].filter((status) => !status.endsWith("_COMPLETE"))).toEqual([]);
  });

  it("makes every function as declared", async () => {
    const declared = ofType("AWS::Lambda::Function").map(({ Properties = {} }) => ({
      name: Properties["FunctionName"],
      handler: Properties["Handler"],
      runtime: Properties["Runtime"],
      timeout: Properties["Timeout"],
      memory: Properties["MemorySize"],
    }));
    const made = (await functions()).map((one) => ({
      name: one.FunctionName,
      handler: one.Handler,
      runtime: one.Runtime,
      timeout: one.Timeout,
      memory: one.MemorySize,
    }));
    expect(byName(made)).toEqual(byName(declared));
    expect(made.length).toBeGreaterThanOrEqual(9);
  });

  it("routes every method of every path, and all the rest", async () => {
    const routes = await deployedRoutes();
    const wanted = TEMPLATES.flatMap((path) => [
      ...Object.keys(ROUTES[path]).map((method) => `${method} ${path}`),
      `ANY ${path}`,
    ]);
    expect(routes).toEqual(expect.arrayContaining(wanted));
    expect(routes).toContain("ANY /{proxy+}");
    expect(routes).toHaveLength(ofType("AWS::ApiGateway::Method").length);
  });

  it("hands the reference to a secret to the one function that needs it", async () => {
    const holders = (await functions()).filter((one) => JSON.stringify(one).includes(REFERENCE));
    expect(holders.map(({ FunctionName }) => FunctionName)).toEqual([`${STACK}-scrape-metrics`]);
  });

  it("logs accesses without what callers sent", async () => {
    const { accessLogSettings, tags } = await deployedStage();
    expect(accessLogSettings.destinationArn).toMatch(
      /:log-group:\/aws\/api-gateway\/k2-trades-prod$/,
    );
    const used = [...accessLogSettings.format.matchAll(/\$context\.([\w.]+)/g)].map(
      ([, name]) => name,
    );
    expect(used).toEqual(expect.arrayContaining(["requestId", "status", "resourcePath"]));
    for (const sent of ["path", "identity.userAgent", "identity.apiKey", "requestOverride"])
      expect(used).not.toContain(sent);
    expect(tags).toMatchObject({ service: "k2-trades", stage: "prod" });
  });

  it("keeps each function's log for thirty days", async () => {
    const { logGroups } = await moto.json<{
      logGroups: { logGroupName: string; retentionInDays: number }[];
    }>("logs", "Logs_20140328.DescribeLogGroups", {});
    const names = (await functions()).map(({ FunctionName }) => `/aws/lambda/${FunctionName}`);
    expect(logGroups.map(({ logGroupName }) => logGroupName).toSorted()).toEqual(
      [...names, `/aws/api-gateway/${STACK}`].toSorted(),
    );
    expect(new Set(logGroups.map(({ retentionInDays }) => retentionInDays))).toEqual(new Set([30]));
  });

  it("answers with where the service is", async () => {
    const outputs = await stack("DescribeStacks");
    expect(outputs).toMatch(/https:\/\/\w+\.execute-api\.us-east-1\.amazonaws\.com\/prod</);
    expect(outputs).toMatch(/<OutputKey>TableName<[^]*?<OutputValue>k2-trades-prod</);
    expect(template.Outputs).toHaveProperty("ApiKeyId");
  });
});

describe("serverless rollback", () => {
  it(
    "puts back what was deployed before",
    async () => {
      await serverless(...DEPLOY, "--param=version=two");
      expect(await versions()).toEqual(["two"]);
      const list = await serverless("deploy", "list", "--stage", "prod");
      const timestamps = [...list.matchAll(/Timestamp: (\d+)/g)].map(
        ([, timestamp = ""]) => timestamp,
      );
      expect(timestamps).toHaveLength(2);
      await serverless(
        "rollback",
        "--stage",
        "prod",
        "--timestamp",
        timestamps.toSorted()[0] ?? "",
      );
      expect(await versions()).toEqual(["one"]);
    },
    TIMEOUT_MS,
  );
});

describe("serverless remove", () => {
  it(
    "leaves the table, the role that other APIs may log with, and nothing else",
    async () => {
      await serverless("remove", "--stage", "prod");
      expect(await functions()).toEqual([]);
      await expect(stack("DescribeStacks")).rejects.toThrow(/does not exist/);
      const { TableNames } = await moto.json<{ TableNames: string[] }>(
        "dynamodb",
        "DynamoDB_20120810.ListTables",
        {},
      );
      expect(TableNames).toEqual([STACK]);
      expect(await moto.text("s3", "/")).not.toContain("<Bucket>");
      const { Rules } = await moto.json<{ Rules: unknown[] }>("events", "AWSEvents.ListRules", {});
      expect(Rules).toEqual([]);
      const roles = await moto.query("iam", { Action: "ListRoles", Version: "2010-05-08" });
      const names = [...roles.matchAll(/<RoleName>([^<]*)</g)].map(([, name]) => name);
      expect(names).toEqual([expect.stringMatching(/ApiGatewayLogRole/)]);
    },
    TIMEOUT_MS,
  );
});

/** Asks CloudFormation about the stack. */
function stack(Action: string): Promise<string> {
  return moto.query("cloudformation", { Action, StackName: STACK, Version: "2010-05-15" });
}

/** Status by logical id. */
function resourcesIn(xml: string): Map<string, string> {
  const members = xml.split("</member>");
  const field = (member: string, name: string) =>
    new RegExp(`<${name}>([^<]*)<`).exec(member)?.[1] ?? "";
  return new Map(
    members
      .map(
        (member) => [field(member, "LogicalResourceId"), field(member, "ResourceStatus")] as const,
      )
      .filter(([id]) => id !== ""),
  );
}

async function functions(): Promise<DeployedFunction[]> {
  const { Functions } = await moto.get<{ Functions: DeployedFunction[] }>(
    "lambda",
    "/2015-03-31/functions/",
  );
  return Functions;
}

async function versions(): Promise<(string | undefined)[]> {
  const all = (await functions()).map(({ Environment }) => Environment.Variables["APP_VERSION"]);
  return [...new Set(all)];
}

async function apiId(): Promise<string> {
  const { item } = await moto.get<{ item: { id: string }[] }>("apigateway", "/restapis");
  expect(item).toHaveLength(1);
  return item[0]?.id ?? "";
}

async function deployedRoutes(): Promise<string[]> {
  const { item } = await moto.get<{
    item: { path: string; resourceMethods?: Readonly<Record<string, unknown>> }[];
  }>("apigateway", `/restapis/${await apiId()}/resources?embed=methods`);
  return item.flatMap(({ path, resourceMethods = {} }) =>
    Object.keys(resourceMethods).map((method) => `${method} ${path}`),
  );
}

async function deployedStage(): Promise<{
  readonly accessLogSettings: { readonly destinationArn: string; readonly format: string };
  readonly tags: Readonly<Record<string, string>>;
}> {
  return moto.get("apigateway", `/restapis/${await apiId()}/stages/prod`);
}

function ofType(type: string) {
  return Object.values(template.Resources).filter(({ Type }) => Type === type);
}

function byName<One extends { readonly name: string }>(all: readonly One[]): One[] {
  return all.toSorted((a, b) => a.name.localeCompare(b.name));
}

function unescape(xml: string): string {
  return xml
    .replaceAll("&quot;", '"')
    .replaceAll("&#34;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}
