import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageService, type PackagedService } from "../support/packaged-service.ts";
import { needsPythonTools, pythonTool } from "../support/python-tools.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { checkTemplate } from "../support/template/check-template.ts";
import type { Template } from "../support/template/template.ts";

const TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms";
/** Every switch of `serverless.yml` the other way round. */
const SWITCHED = {
  vpc: "true",
  vpcSubnetIds: "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
  vpcSecurityGroupIds: "sg-0123456789abcdef0",
  tracing: "true",
  alarms: "true",
  alarmTopicArn: TOPIC,
  apiGatewayLogRole: "external",
  reserveConcurrency: "false",
  logRetentionDays: "7",
  rateLimit: "5",
  consumeFrom: "msk",
  kafkaBrokers: "b-1.trades.kafka.us-east-1.amazonaws.com:9092",
  kafkaClusterArn:
    "arn:aws:kafka:us-east-1:123456789012:cluster/trades/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f-1",
};
const SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:k2-trades/kafka-AbCdEf";
const WITH_KAFKA = {
  consumeFrom: "kafka",
  kafkaBrokers: "one.kafka.internal:9096,two.kafka.internal:9096",
  kafkaTls: "true",
  kafkaSaslMechanism: "SCRAM-SHA-512",
  kafkaSaslUsername: "k2-trades",
  kafkaSaslPassword: "{{resolve:secretsmanager:k2-trades/kafka:SecretString:password}}",
  kafkaSecretArn: SECRET_ARN,
  kafkaSubnetIds: "subnet-0123456789abcdef0",
  kafkaSecurityGroupIds: "sg-0123456789abcdef0",
};

const packaged: Record<string, PackagedService> = {};

beforeAll(() => {
  packaged["with its defaults"] = packageService({ stage: "prod" });
  packaged["with every switch the other way"] = packageService({ params: SWITCHED });
  packaged["for a Kafka of one's own"] = packageService({ params: WITH_KAFKA });
}, 300_000);
afterAll(() => {
  for (const service of Object.values(packaged)) service.remove();
});

const KINDS = ["with its defaults", "with every switch the other way", "for a Kafka of one's own"];
const templateOf = (kind: string): Template => JSON.parse(packaged[kind]?.template ?? "{}");

describe.each(KINDS)("the template, packaged %s", (kind) => {
  it("holds against CloudFormation's resource specification", () => {
    expect(checkTemplate(templateOf(kind))).toEqual([]);
  });

  it("has no custom resource, whose function could do anything", () => {
    const types = Object.values(templateOf(kind).Resources).map(({ Type }) => Type);
    expect(types.filter((type) => /^Custom::|CustomResource$/.test(type))).toEqual([]);
  });
});

describe("the switches", () => {
  it("put the functions into a VPC, trace them, and leave nothing reserved", () => {
    const all = functionsOf("with every switch the other way");
    for (const properties of all) {
      expect(properties).toMatchObject({
        VpcConfig: {
          SubnetIds: { "Fn::Split": [",", SWITCHED.vpcSubnetIds] },
          SecurityGroupIds: { "Fn::Split": [",", SWITCHED.vpcSecurityGroupIds] },
        },
        TracingConfig: { Mode: "Active" },
      });
      expect(properties).not.toHaveProperty("ReservedConcurrentExecutions");
    }
    for (const properties of functionsOf("with its defaults")) {
      expect(properties).not.toHaveProperty("VpcConfig");
      expect(properties["TracingConfig"]?.Mode).not.toBe("Active");
    }
  });

  it("let Lambda put functions into the VPC, and their own code do nothing of it", () => {
    const roles = resourcesOf("with every switch the other way", "AWS::IAM::Role");
    expect(roles).toHaveLength(functionsOf("with every switch the other way").length);
    for (const { Properties = {} } of roles) {
      expect(Properties["ManagedPolicyArns"]).toEqual([]);
      const statements = Properties["Policies"][0].PolicyDocument.Statement as any[];
      const network = statements.filter(({ Action }) =>
        Action.includes("ec2:CreateNetworkInterface"),
      );
      expect(network.map(({ Effect }) => Effect)).toEqual(["Allow", "Deny"]);
      expect(network[1].Action).toEqual(network[0].Action);
      expect(JSON.stringify(network[1].Condition)).toMatch(
        /SourceFunctionArn.*function:k2-trades-dev-/,
      );
    }
  });

  it("bring alarms that tell the topic", () => {
    const alarms = resourcesOf("with every switch the other way", "AWS::CloudWatch::Alarm");
    expect(alarms.length).toBeGreaterThanOrEqual(4);
    for (const { Properties } of alarms) expect(Properties?.["AlarmActions"]).toEqual([TOPIC]);
    const [api] = resourcesOf("with every switch the other way", "AWS::ApiGateway::RestApi");
    const ofApi = alarms.filter(({ Properties }) => Properties?.["Namespace"] === "AWS/ApiGateway");
    expect(ofApi.map(({ Properties }) => Properties?.["Dimensions"][0])).toEqual([
      { Name: "ApiName", Value: api?.Properties?.["Name"] },
    ]);
    expect(resourcesOf("with its defaults", "AWS::CloudWatch::Alarm")).toEqual([]);
  });

  it("leave the account's role for API Gateway's logs alone", () => {
    const account = "AWS::ApiGateway::Account";
    expect(resourcesOf("with every switch the other way", account)).toEqual([]);
    expect(resourcesOf("with its defaults", account)).toMatchObject([{ DeletionPolicy: "Retain" }]);
  });
});

describe("what answers without a key", () => {
  it("takes no more than its share of the account's concurrency", () => {
    const { Resources } = templateOf("with its defaults");
    const open = Object.values(Resources)
      .filter(({ Type, Properties }) => {
        return Type === "AWS::ApiGateway::Method" && Properties?.["ApiKeyRequired"] !== true;
      })
      .map(({ Properties }) => /\w+LambdaFunction/.exec(JSON.stringify(Properties))?.[0] ?? "");
    expect(new Set(open).size).toBeGreaterThanOrEqual(5);
    for (const id of new Set(open))
      expect([id, Resources[id]?.Properties?.["ReservedConcurrentExecutions"]]).toEqual([
        id,
        expect.toSatisfy((reserved) => reserved >= 1 && reserved <= 10),
      ]);
  });
});

describe("a broken copy is found out", () => {
  const FUNCTION = "ListDashtradesLambdaFunction";
  it.each<[fault: string, change: (template: any) => unknown]>([
    [
      "there is no resource type AWS::Lambda::Funktion",
      ({ Resources }) => (Resources[FUNCTION].Type = "AWS::Lambda::Funktion"),
    ],
    [
      "MemorySise: there is no such property",
      ({ Resources }) => (Resources[FUNCTION].Properties.MemorySise = 1),
    ],
    [
      "Code/S3Buckit: there is no such property",
      ({ Resources }) => (Resources[FUNCTION].Properties.Code.S3Buckit = "x"),
    ],
    ["expected the property Role", ({ Resources }) => delete Resources[FUNCTION].Properties.Role],
    [
      "Timeout: expected a whole number",
      ({ Resources }) => (Resources[FUNCTION].Properties.Timeout = "ten"),
    ],
    [
      "Architectures: expected a list",
      ({ Resources }) => (Resources[FUNCTION].Properties.Architectures = "arm64"),
    ],
    [
      "PackageType: expected one of Image, Zip",
      ({ Resources }) => (Resources[FUNCTION].Properties.PackageType = "Zap"),
    ],
    [
      "Environment: expected an object",
      ({ Resources }) => (Resources[FUNCTION].Properties.Environment = "x"),
    ],
    ["Sise: there is no such section", ({ Resources }) => (Resources[FUNCTION].Sise = 1)],
    [
      "there is no resource Nobody",
      ({ Resources }) =>
        (Resources[FUNCTION].Properties.Role = { "Fn::GetAtt": ["Nobody", "Arn"] }),
    ],
    [
      "AWS::DynamoDB::Table has no attribute Arm",
      ({ Resources }) =>
        (Resources[FUNCTION].Properties.Role = { "Fn::GetAtt": ["TradesTable", "Arm"] }),
    ],
    [
      "there is no resource or parameter Nobody",
      ({ Outputs }) => (Outputs.TableName.Value = { Ref: "Nobody" }),
    ],
    [
      "there is no resource Nobody",
      ({ Outputs }) => (Outputs.TableName.Value = { "Fn::Sub": "${Nobody.Arn}/x" }),
    ],
    [
      "there is no resource or parameter Nobody",
      ({ Outputs }) => (Outputs.TableName.Value = { "Fn::Sub": "x/${Nobody}" }),
    ],
    ["there is no condition Never", ({ Resources }) => (Resources[FUNCTION].Condition = "Never")],
    [
      "there is no condition Never",
      ({ Outputs }) => (Outputs.TableName.Value = { "Fn::If": ["Never", 1, 2] }),
    ],
    [
      "there is no Fn::GetAttr",
      ({ Outputs }) => (Outputs.TableName.Value = { "Fn::GetAttr": "x" }),
    ],
    [
      "DependsOn: there is no resource Nobody",
      ({ Resources }) => (Resources[FUNCTION].DependsOn = ["Nobody"]),
    ],
    ["Ressources: there is no such section", (template) => (template.Ressources = {})],
  ])("%s", (fault, change) => {
    const template = templateOf("with its defaults");
    change(template);
    expect(checkTemplate(template)).toEqual([expect.stringContaining(fault)]);
  });
});

describe("cfn-lint", () => {
  needsPythonTools();

  it.each(KINDS)(
    "has nothing to say of the template packaged %s",
    async (kind) => {
      expect(await lint(packaged[kind]?.template ?? "")).toBe("");
    },
    60_000,
  );

  it("would have", async () => {
    const template = templateOf("with its defaults") as any;
    template.Resources.TradesTable.Properties.BillingMode = "FREE";
    expect(await lint(JSON.stringify(template))).toContain("'FREE' is not one of");
  }, 60_000);
});

/** The framework adds a dependency on the role beside the reference to it (W3005). */
async function lint(template: string): Promise<string> {
  const path = join(tempFolder(), "template.json");
  writeFileSync(path, template);
  const args = ["--ignore-checks", "W3005", "--regions", "us-east-1", "--", path];
  const failed = ({ stdout }: { stdout: string }) => ({ stdout });
  const { stdout } = await promisify(execFile)(pythonTool("cfn-lint"), args).catch(failed);
  return stdout;
}

function resourcesOf(kind: string, type: string) {
  return Object.values(templateOf(kind).Resources).filter(({ Type }) => Type === type);
}

function functionsOf(kind: string) {
  return resourcesOf(kind, "AWS::Lambda::Function").map(({ Properties = {} }) => Properties);
}
