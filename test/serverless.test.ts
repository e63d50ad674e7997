import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeApi } from "../openapi/document.ts";
import { TEMPLATES } from "../lib/routes.ts";

const ROOT = join(import.meta.dirname, "..");
const OSLS = join(ROOT, "node_modules/.bin/serverless");

interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, any>;
}

let folder: string;
let resources: Record<string, Resource> = {};
const ofType = (type: string) => Object.values(resources).filter((one) => one.Type === type);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "k2-package-"));
  const env = { ...process.env, BUILD_DIR: join(folder, "build") };
  execFileSync(OSLS, ["package", "--package", join(folder, "out")], {
    cwd: ROOT,
    env,
    stdio: "pipe",
  });
  const path = join(folder, "out/cloudformation-template-update-stack.json");
  const template = JSON.parse(readFileSync(path, "utf8")) as { Resources: typeof resources };
  resources = template.Resources;
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the packaged service", () => {
  it("has one zip for each function, on Node.js 24 and arm64, and each handler exists", () => {
    const functions = ofType("AWS::Lambda::Function");
    expect(functions.length).toBeGreaterThanOrEqual(9);
    for (const { Properties } of functions) {
      expect(Properties["Runtime"]).toBe("nodejs24.x");
      expect(Properties["Architectures"]).toEqual(["arm64"]);
      const [path = ""] = String(Properties["Handler"]).split(".");
      expect(existsSync(join(ROOT, `${path}.ts`))).toBe(true);
      const name = path.replace("functions/", "");
      expect(existsSync(join(folder, "out", `${name}.zip`))).toBe(true);
    }
  });

  it("gives each function a role of its own, and none may do everything", () => {
    const functions = ofType("AWS::Lambda::Function");
    const roles = functions.map(({ Properties }) => JSON.stringify(Properties["Role"]));
    expect(new Set(roles).size).toBe(functions.length);
    for (const { Properties } of ofType("AWS::IAM::Role")) {
      const statements = Properties["Policies"][0].PolicyDocument.Statement as Record<
        string,
        any
      >[];
      for (const { Action } of statements) {
        expect([Action].flat().some((action: string) => action.endsWith("*"))).toBe(false);
      }
    }
  });

  it("lets only scrape and retirement write, and only the ledger", () => {
    const writers = Object.entries(resources).filter(
      ([, { Type, Properties }]) =>
        Type === "AWS::IAM::Role" && JSON.stringify(Properties).includes("dynamodb:PutItem"),
    );
    expect(writers.map(([name]) => name).sort()).toEqual([
      "RetireDashenvironmentsIamRoleLambdaExecution",
      "ScrapeDashmetricsIamRoleLambdaExecution",
    ]);
    for (const [, { Properties }] of writers) {
      expect(JSON.stringify(Properties)).toContain("LEDGER#k2-trades");
    }
  });

  it("routes every path of the API", () => {
    const parts = ofType("AWS::ApiGateway::Resource").map(
      ({ Properties }) => Properties["PathPart"],
    );
    const wanted = TEMPLATES.flatMap((template) =>
      template.split("/").filter((part) => part !== ""),
    );
    expect(parts).toEqual(expect.arrayContaining(wanted));
  });

  it("retires environments every minute", () => {
    expect(ofType("AWS::Events::Rule")[0]?.Properties["ScheduleExpression"]).toBe("rate(1 minute)");
  });
});

it("openapi.json is current", () => {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(ROOT, name), "utf8"));
  const { version } = read("package.json") as { version: string };
  expect(read("openapi.json")).toEqual(JSON.parse(JSON.stringify(describeApi(version))));
});
