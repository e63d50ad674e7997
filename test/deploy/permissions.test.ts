import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageService, type PackagedService } from "../support/packaged-service.ts";

const LEDGER = "where the partition key is LEDGER#k2-trades#prod";

const NO_LEDGER = "where the partition key is not like LEDGER#*";

/** All that each function may do, beside writing its own log. */
const PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  "list-trades": ["dynamodb:Query TradesTable", "dynamodb:Query TradesTable/index/recent"],
  // Kafka is not IAM's: brokers let in whom the network and SASL let in.
  "publish-trades": [],
  // Where it consumes from Kafka its role reads there too: test/ops/consume-from-kafka.test.ts.
  "consume-trades": [
    `dynamodb:BatchGetItem TradesTable ${NO_LEDGER}`,
    `dynamodb:BatchWriteItem TradesTable ${NO_LEDGER}`,
    `dynamodb:GetItem TradesTable ${NO_LEDGER}`,
    `dynamodb:PutItem TradesTable ${NO_LEDGER}`,
  ],
  "measure-lag": [],
  "list-symbols": ["dynamodb:Query TradesTable"],
  "summarize-day": ["dynamodb:GetItem TradesTable"],
  "scrape-metrics": [
    `dynamodb:DeleteItem TradesTable ${LEDGER}`,
    `dynamodb:GetItem TradesTable ${LEDGER}`,
    `dynamodb:PutItem TradesTable ${LEDGER}`,
    `dynamodb:Query TradesTable ${LEDGER}`,
  ],
  "retire-environments": [
    `dynamodb:DeleteItem TradesTable ${LEDGER}`,
    `dynamodb:GetItem TradesTable ${LEDGER}`,
    `dynamodb:PutItem TradesTable ${LEDGER}`,
    `dynamodb:Query TradesTable ${LEDGER}`,
  ],
  "check-health": ["dynamodb:GetItem TradesTable where the partition key is PING"],
  "show-index": [],
  "show-openapi": [],
  "answer-unknown": [],
};
const LOG_ACTIONS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
/** Who may invoke each function that API Gateway may not; an event source mapping needs no leave. */
const INVOKERS: Readonly<Record<string, readonly string[]>> = {
  "retire-environments": ["events.amazonaws.com"],
  "measure-lag": ["events.amazonaws.com"],
  "consume-trades": [],
};
const FUNCTIONS = readdirSync(join(import.meta.dirname, "../../functions"))
  .map((file) => file.replace(/\.ts$/, ""))
  .sort();

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

let service: PackagedService;

beforeAll(() => {
  service = packageService({ stage: "prod" });
}, 300_000);
afterAll(() => service.remove());

describe("permissions", () => {
  it("are laid down for every function", () => {
    expect(Object.keys(PERMISSIONS).toSorted()).toEqual(FUNCTIONS);
  });

  it.each(FUNCTIONS)("of %s are those of the table and no others", (name) => {
    const log = `/aws/lambda/k2-trades-prod-${name}`;
    const own = LOG_ACTIONS.map((action) => `${action} log ${log}`);
    const wanted = [...own, ...(PERMISSIONS[name] ?? [])];
    expect(statementsOf(name).flatMap(inWords).toSorted()).toEqual(wanted.toSorted());
    expect(roleOf(name)["ManagedPolicyArns"]).toEqual([]);
  });

  it.each(FUNCTIONS)("let only Lambda take the role of %s", (name) => {
    expect(roleOf(name)["AssumeRolePolicyDocument"].Statement).toEqual([
      {
        Effect: "Allow",
        Principal: { Service: ["lambda.amazonaws.com"] },
        Action: ["sts:AssumeRole"],
      },
    ]);
  });

  it.each(FUNCTIONS)("let no one but its trigger invoke %s", (name) => {
    const invokers = ofType("AWS::Lambda::Permission")
      .filter((permission) => permission["FunctionName"]["Fn::GetAtt"][0] === idOf(name))
      .map((permission) => permission["Principal"]);
    expect([...new Set(invokers)]).toEqual(INVOKERS[name] ?? ["apigateway.amazonaws.com"]);
  });

  it("are in no role that is not a function's or API Gateway's", () => {
    const roles = Object.entries(service.resources).filter(
      ([, { Type }]) => Type === "AWS::IAM::Role",
    );
    const own = FUNCTIONS.map((name) => roleOf(name));
    const others = roles.filter(([, { Properties }]) => !own.includes(Properties));
    expect(others.map(([id]) => id)).toEqual(["ApiGatewayLogRole"]);
  });

  it("give no function an address of its own", () => {
    expect(ofType("AWS::Lambda::Url")).toEqual([]);
  });
});

/** `dynamodb:Query TradesTable/index/recent`, say. */
function inWords({ Effect, Action, Resource, Condition }: Statement): string[] {
  expect(Effect).toBe("Allow");
  const where = Condition === undefined ? "" : ` where ${inWordsOf(Condition)}`;
  return [Action]
    .flat()
    .flatMap((action) => [Resource].flat().map((one) => `${action} ${nameOf(one)}${where}`));
}

function inWordsOf(condition: NonNullable<Statement["Condition"]>): string {
  const words = { "ForAllValues:StringEquals": "is", "ForAllValues:StringNotLike": "is not like" };
  const entries = Object.entries(words).flatMap(([operator, word]) => {
    const keys = condition[operator]?.["dynamodb:LeadingKeys"];
    return keys === undefined ? [] : [`the partition key ${word} ${keys.join()}`];
  });
  return entries.length === Object.keys(condition).length
    ? entries.join(" and ")
    : JSON.stringify(condition);
}

/** Anything that is not one named thing stays as it is, for the reader of a failure. */
function nameOf(resource: any): string {
  const [id, attribute] = resource["Fn::GetAtt"] ?? [];
  if (attribute === "Arn") return id;
  const text: string = resource["Fn::Sub"] ?? JSON.stringify(resource);
  const log = /^arn:[^:]+:logs:[^:]+:[^:]+:log-group:([^*]+):\*:\*$/.exec(
    text.replaceAll(/\$\{AWS::(\w+)\}/g, "$1"),
  );
  return log === null ? text.replace(/^\$\{(\w+)\.Arn\}/, "$1") : `log ${log[1]}`;
}

function ofType(type: string): Readonly<Record<string, any>>[] {
  return Object.values(service.resources)
    .filter(({ Type }) => Type === type)
    .map(({ Properties }) => Properties);
}

function idOf(name: string): string | undefined {
  return Object.entries(service.resources).find(
    ([, { Properties }]) => Properties?.["FunctionName"] === `k2-trades-prod-${name}`,
  )?.[0];
}

function roleOf(name: string): Readonly<Record<string, any>> {
  const [role = ""] = service.resources[idOf(name) ?? ""]?.Properties["Role"]["Fn::GetAtt"] ?? [];
  return service.resources[role]?.Properties ?? {};
}

function statementsOf(name: string): Statement[] {
  return roleOf(name)["Policies"].flatMap(
    (policy: { PolicyDocument: { Statement: Statement[] } }) => policy.PolicyDocument.Statement,
  );
}
