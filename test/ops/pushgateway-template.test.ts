import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { metricsConfig } from "../../lib/config/metrics-config.ts";
import { readConfig } from "../../lib/config/read-config.ts";
import { freePort, LOOPBACK, untilAnswering } from "../../local/ports.ts";
import { needsPythonTools, pythonTool } from "../support/python-tools.ts";
import { installed } from "../support/pushgateway.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { checkTemplate } from "../support/template/check-template.ts";
import { readTemplate } from "../support/template/read-template.ts";

const PATH = join(import.meta.dirname, "../../ops/aws/pushgateway.yml");
const template = readTemplate(PATH);
const propertiesOf = (id: string) => template.Resources[id]?.Properties ?? {};
const container = propertiesOf("Task")["ContainerDefinitions"][0];
/** `test` and its password `test`, as Prometheus' own documentation has them. */
const WEB_CONFIG = `basic_auth_users:
  test: $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay
`;

describe("the template of a Pushgateway on AWS", () => {
  it("holds against CloudFormation's resource specification", () => {
    expect(checkTemplate(template)).toEqual([]);
  });

  it("never runs two on one file, and keeps the file when it goes", () => {
    expect(propertiesOf("Service")).toMatchObject({
      DesiredCount: 1,
      DeploymentConfiguration: { MinimumHealthyPercent: 0, MaximumPercent: 100 },
    });
    expect(template.Resources["Files"]?.DeletionPolicy).toBe("Retain");
  });

  it("lets in what is in the clients' and the scraper's security groups, and no address", () => {
    const rules = ["TaskSecurityGroup", "FilesSecurityGroup"].flatMap(
      (id) => propertiesOf(id)["SecurityGroupIngress"],
    );
    expect(rules).toHaveLength(3);
    expect(JSON.stringify(rules)).not.toMatch(/Cidr|PrefixList/);
  });

  it("writes its groups down as often as the service's default expects, or more often", () => {
    const { Default, MaxValue } = (template.Parameters as any)["PersistenceSeconds"];
    const { persistenceSeconds } = readConfig({ metrics: metricsConfig }, {}).metrics.windows;
    expect(Default).toBeLessThanOrEqual(persistenceSeconds);
    expect(MaxValue).toBeLessThanOrEqual(persistenceSeconds);
  });

  it("turns on nothing that would let a client delete everything or end it", () => {
    expect(readFileSync(PATH, "utf8")).not.toMatch(/enable-admin-api|enable-lifecycle/);
  });
});

describe("cfn-lint", () => {
  needsPythonTools();

  it("has nothing to say of it", async () => {
    const failed = ({ stdout }: { stdout: string }) => ({ stdout });
    const { stdout } = await promisify(execFile)(pythonTool("cfn-lint"), [PATH]).catch(failed);
    expect(stdout).toBe("");
  }, 60_000);
});

describe.skipIf(installed === undefined)("the container's command, on this machine", () => {
  it("keeps what was pushed over an end and a start", async () => {
    const folder = tempFolder();
    const first = await runCommand({ folder });
    const pushed = await fetch(`${first.url}/metrics/job/k2-trades/instance/one`, {
      method: "PUT",
      body: "requests_total 3\n",
    });
    expect(pushed.status).toBe(200);
    await first.end();
    const second = await runCommand({ folder });
    const page = await (await fetch(`${second.url}/metrics`)).text();
    expect(page).toMatch(/^requests_total\{instance="one",job="k2-trades"\} 3$/m);
  });

  it("answers 202 without the consistency check", async () => {
    const { url } = await runCommand({ folder: tempFolder(), conditions: ["SkipsCheck"] });
    const pushed = await fetch(`${url}/metrics/job/j`, { method: "PUT", body: "a 1\n" });
    expect(pushed.status).toBe(202);
  });

  it("asks for the credentials of its web configuration", async () => {
    const { url } = await runCommand({ folder: tempFolder(), conditions: ["HasWebConfig"] });
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    const authorization = `Basic ${Buffer.from("test:test").toString("base64")}`;
    expect((await fetch(`${url}/metrics`, { headers: { authorization } })).status).toBe(200);
  });
});

interface CommandOptions {
  readonly folder: string;
  /** Those of the template that hold. */
  readonly conditions?: readonly string[];
}

/** Runs it as the container would, but for its places and its port; ends it after the test. */
async function runCommand({ folder, conditions = [] }: CommandOptions) {
  const port = await freePort();
  const [command] = textsOf(container.Command, conditions);
  const here = (command ?? "")
    .replace("/bin/pushgateway", installed ?? "")
    .replace("=:9091", `=${LOOPBACK}:${port}`)
    .replaceAll("/groups/", `${folder}/`)
    .replaceAll("/dev/shm/", `${folder}/`);
  const [shell = "", ...flags] = container.EntryPoint as string[];
  const child = spawn(shell, [...flags, here], { env: { WEB_CONFIG }, stdio: "ignore" });
  const exit = once(child, "exit");
  const end = async () => {
    child.kill("SIGTERM");
    await exit;
  };
  onTestFinished(end);
  await untilAnswering(port, { timeoutMs: 50_000 });
  return { url: `http://${LOOPBACK}:${port}`, end };
}

/** A value once its functions are resolved; `AWS::NoValue` leaves a list. */
function textsOf(value: any, conditions: readonly string[]): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => textsOf(one, conditions));
  if (typeof value !== "object") return [String(value)];
  if (value["Fn::If"] !== undefined) {
    const [condition, then, otherwise] = value["Fn::If"];
    return textsOf(conditions.includes(condition) ? then : otherwise, conditions);
  }
  if (value["Fn::Join"] !== undefined) {
    const [separator, parts] = value["Fn::Join"];
    return [textsOf(parts, conditions).join(separator)];
  }
  if (value["Fn::Sub"] !== undefined) {
    const parameters = template.Parameters as any;
    return [
      value["Fn::Sub"].replace(
        /\$\{(\w+)\}/g,
        (_: string, name: string) => parameters[name].Default,
      ),
    ];
  }
  return value.Ref === "AWS::NoValue" ? [] : [JSON.stringify(value)];
}
