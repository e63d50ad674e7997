import { readdirSync } from "node:fs";
import { join, matchesGlob } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { VARIABLE_NAMES } from "../lib/config/every-part.ts";
import { ROUTES, TEMPLATES } from "../lib/routes.ts";
import { GATEWAY_ANSWERS } from "../ops/serverless/gateway-answers.ts";
import { openTradeStore } from "../lib/trades/trade-store.ts";
import type { Trade } from "../lib/trades/trade.ts";
import { apiEvent } from "./support/api-event.ts";
import { startTestDynamoDB, type TestDynamoDB } from "./support/dynamodb.ts";
import { kafkaEvent, recordOf, textRecord } from "./support/kafka/event.ts";
import { needsKafka, openKafka } from "./support/kafka/broker.ts";
import { packageService, type PackagedService, type Resource } from "./support/packaged-service.ts";
import { startPushgateway, type TestPushgateway } from "./support/pushgateway.ts";
import {
  recordDynamoDB,
  type RecordedCall,
  type RecordingDynamoDB,
} from "./support/recording-dynamodb.ts";
import { tradeOf, tradeRun } from "./support/trades.ts";

const FUNCTIONS = readdirSync(join(import.meta.dirname, "../functions"))
  .map((file) => file.replace(/\.ts$/, ""))
  .sort();
/** Variables of the configuration, but what Lambda sets and what is for one machine or a test. */
const CONFIGURED_VARIABLES = VARIABLE_NAMES.filter(
  (name) => !/^(?:AWS_.*|DYNAMODB_ENDPOINT|METRICS_STRICT)$/.test(name),
);
/** Secrets that only these functions have a use for. */
const ONLY_FOR: Readonly<Record<string, readonly string[]>> = {
  METRICS_SCRAPE_TOKEN: ["scrape-metrics"],
  KAFKA_SASL_MECHANISM: ["publish-trades", "consume-trades", "measure-lag"],
  KAFKA_SASL_USERNAME: ["publish-trades", "consume-trades", "measure-lag"],
  KAFKA_SASL_PASSWORD: ["publish-trades", "consume-trades", "measure-lag"],
};
const SECRET = "{{resolve:secretsmanager:k2-trades/prod:SecretString:scrapeToken}}";

/** Events for each function, and the status of each answer; a scheduled one has none. */
const AT_WORK: [name: string, events: unknown[], statuses: (number | null)[]][] = [
  [
    "list-trades",
    [
      apiEvent({ query: { limit: "5" } }),
      apiEvent({ query: { symbol: "BTCUSDT" } }),
      apiEvent({ query: { symbol: "BTCUSDT", exchange: "NONE" } }),
      apiEvent({ query: { end_time: "2002-01-01T00:00:00Z" } }),
    ],
    [200, 200, 200, 200],
  ],
  // Without a broker: with one is below.
  ["publish-trades", [publishEvent([]), publishEvent([tradeOf()])], [400, 503]],
  ["consume-trades", [consumeEvent(0), consumeEvent(0)], [null, null]],
  // Without a broker it only says so; with one is test/functions/measure-lag.test.ts.
  ["measure-lag", [{}], [null]],
  ["list-symbols", [apiEvent({ route: "/symbols" })], [200]],
  [
    "summarize-day",
    ["2021-01-08", "2021-01-09"].map((date) => {
      const pathParameters = { symbol: "BTCUSDT", date };
      return apiEvent({ route: "/summary/{symbol}/{date}", pathParameters });
    }),
    [200, 404],
  ],
  ["check-health", [apiEvent({ route: "/health" })], [200]],
  ["scrape-metrics", [apiEvent({ route: "/metrics" })], [200]],
  ["retire-environments", [{}], [null]],
  ["show-index", [apiEvent({ route: "/" })], [200]],
  ["show-openapi", [apiEvent({ route: "/openapi.json" })], [200]],
  ["answer-unknown", [apiEvent({ route: "/{proxy+}" })], [404]],
];

/** Characters of a bundle, at most; with Kafka's client it is larger. */
const MAX_BUNDLE_LENGTH = 300_000;
const MAX_BUNDLE_LENGTH_WITH_KAFKA: Readonly<Record<string, number>> = {
  "publish-trades": 550_000,
  "consume-trades": 750_000,
  "measure-lag": 550_000,
};

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

let service: PackagedService;

beforeAll(() => {
  service = packageService({ stage: "prod", params: { metricsScrapeToken: SECRET } });
}, 300_000);
afterAll(() => service.remove());

const ofType = (type: string): [string, Resource][] =>
  Object.entries(service.resources).filter(([, { Type }]) => Type === type);

/** A function's properties, by its name in serverless.yml. */
function propertiesOf(name: string): Resource["Properties"] {
  const [, { Properties } = { Properties: {} }] =
    ofType("AWS::Lambda::Function").find(
      ([, one]) => one.Properties["FunctionName"] === `k2-trades-prod-${name}`,
    ) ?? [];
  return Properties as Resource["Properties"];
}

describe("the packaged service", () => {
  it("has the functions in functions/ and no others, each with a handler that exists", () => {
    const handlers = ofType("AWS::Lambda::Function").map(([, { Properties }]) =>
      String(Properties["Handler"]),
    );
    expect(handlers.toSorted()).toEqual(FUNCTIONS.map((name) => `functions/${name}.handler`));
  });

  it.each(FUNCTIONS)("%s runs on Node.js 24 and arm64, within API Gateway's time", (name) => {
    const { Runtime, Architectures, Timeout, MemorySize } = propertiesOf(name);
    expect({ Runtime, Architectures }).toEqual({
      Runtime: "nodejs24.x",
      Architectures: ["arm64"],
    });
    const isCalledOverHttp = !["retire-environments", "consume-trades", "measure-lag"].includes(
      name,
    );
    expect(Timeout).toBeLessThanOrEqual(isCalledOverHttp ? 29 : 60);
    expect(MemorySize).toBeGreaterThanOrEqual(256);
  });

  it.each(FUNCTIONS)("%s is one ES module and its source map, small and minified", async (name) => {
    const files = await service.unzip(name);
    const bundle = `functions/${name}.mjs`;
    expect([...files.keys()].sort()).toEqual([bundle, `${bundle}.map`]);
    const text = files.get(bundle)?.toString() ?? "";
    expect(text.length).toBeLessThan(MAX_BUNDLE_LENGTH_WITH_KAFKA[name] ?? MAX_BUNDLE_LENGTH);
    expect(text.split("\n").length).toBeLessThan(1_000);
    expect(text).toContain(`//# sourceMappingURL=${name}.mjs.map`);
  });

  it.each(FUNCTIONS)(
    "%s gets every variable of the configuration that a deployment sets, and no other's secret",
    (name) => {
      const own = Object.keys(propertiesOf(name)["Environment"].Variables);
      const wanted = CONFIGURED_VARIABLES.filter(
        (variable) => ONLY_FOR[variable]?.includes(name) ?? true,
      );
      expect(own.toSorted()).toEqual([...wanted, "NODE_OPTIONS"].sort());
    },
  );

  it.each(FUNCTIONS)("%s has a role of its own that writes to its own log", (name) => {
    const [role] = propertiesOf(name)["Role"]["Fn::GetAtt"] as string[];
    const sharing = FUNCTIONS.filter(
      (other) => propertiesOf(other)["Role"]["Fn::GetAtt"][0] === role,
    );
    expect(sharing).toEqual([name]);
    const others = statementsOf(name, (service) => service !== "dynamodb");
    expect(others.flatMap(({ Action }) => Action).toSorted()).toEqual([
      "logs:CreateLogGroup",
      "logs:CreateLogStream",
      "logs:PutLogEvents",
    ]);
    const logs = `log-group:/aws/lambda/k2-trades-prod-${name}:*:*`;
    expect(others.map((statement) => JSON.stringify(statement.Resource))).toEqual([
      expect.stringContaining(logs),
    ]);
  });

  it("keeps secrets as references", () => {
    expect(propertiesOf("scrape-metrics")["Environment"].Variables).toMatchObject({
      METRICS_SCRAPE_TOKEN: SECRET,
      PUSHGATEWAY_PASSWORD: "",
      PUSHGATEWAY_TOKEN: "",
    });
  });

  it("keeps the table when the stack goes, with recovery and protection, outside dev", () => {
    const [[, table] = []] = ofType("AWS::DynamoDB::Table");
    expect(table).toMatchObject({
      DeletionPolicy: "Retain",
      Properties: {
        BillingMode: "PAY_PER_REQUEST",
        TimeToLiveSpecification: { AttributeName: "ttl" },
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      },
    });
  });

  it("retires environments every minute, one run at a time", () => {
    expect(ruleOf("retire-environments")).toMatchObject({
      ScheduleExpression: "rate(1 minute)",
      State: "ENABLED",
    });
    expect(propertiesOf("retire-environments")["ReservedConcurrentExecutions"]).toBe(1);
  });

  it("measures no lag where nothing consumes", () => {
    expect(ruleOf("measure-lag")).toMatchObject({ State: "DISABLED" });
  });
});

describe("the REST API", () => {
  it("routes each method of each template to its function, and all the rest to answer-unknown", () => {
    expect(Object.fromEntries(routes())).toEqual(expectedRoutes());
  });

  it("asks for a key exactly where trades are read and published", () => {
    const keyed = methods()
      .filter(({ Properties }) => Properties["ApiKeyRequired"] === true)
      .map((method) => nameOf(method));
    const wanted = ["/symbols", "/summary/{symbol}/{date}", "/trades"];
    const all = wanted.flatMap((path) => [`GET ${path}`, `HEAD ${path}`]);
    expect(keyed.toSorted()).toEqual([...all, "POST /trades"].toSorted());
  });

  it("answers as a problem what it answers itself, and is deployed with that", () => {
    const answers = ofType("AWS::ApiGateway::GatewayResponse");
    expect(
      answers.map(([, { Properties }]) => String(Properties["ResponseType"])).toSorted(),
    ).toEqual(Object.keys(GATEWAY_ANSWERS).toSorted());
    const [[, deployment] = []] = ofType("AWS::ApiGateway::Deployment");
    expect(deployment?.DependsOn).toEqual(expect.arrayContaining(answers.map(([id]) => id)));
  });

  it("is regional and compresses what is worth it", () => {
    const [[, api] = []] = ofType("AWS::ApiGateway::RestApi");
    expect(api?.Properties).toMatchObject({
      EndpointConfiguration: { Types: ["REGIONAL"] },
      MinimumCompressionSize: 1024,
    });
  });
});

describe("the bundles, at work in an environment that has nothing but Lambda's own variables", () => {
  let database: TestDynamoDB;
  let pushgateway: TestPushgateway;
  let recording: RecordingDynamoDB;

  beforeAll(async () => {
    database = await startTestDynamoDB();
    pushgateway = await startPushgateway();
    recording = await recordDynamoDB(database.endpoint);
    const { client, table } = database;
    const layout = { ttlDays: 0, shards: new Map<string, number>(), recentShards: 4 };
    const store = openTradeStore({ client, table, ...layout });
    await store.recordTrades(tradeRun({ symbol: "BTCUSDT", count: 50 }));
  });
  afterAll(async () => {
    recording.close();
    await pushgateway.close();
    await database.close();
  });

  it.each(AT_WORK)(
    "%s answers, signs with the environment's credentials, and may do what it does and no more",
    async (name, events, statuses) => {
      recording.take();
      const results = (await service.invoke(name, lambdaVariables(), events)) as {
        statusCode?: number;
      }[];
      expect(results.map((result) => result?.statusCode ?? null)).toEqual(statuses);
      const calls = recording.take();
      for (const call of calls) {
        expect(call).toMatchObject({ accessKeyId: "AKIDEXAMPLE", sessionToken: "session" });
        expect(isAllowed(name, call), `${name}: ${JSON.stringify(call)}`).toBe(true);
      }
      const used = new Set(calls.map(({ action }) => action));
      // Chunks of a ledger that outgrew one item are deleted; here it never does.
      const unused = actionsOf(name).filter((action) => !used.has(action));
      expect(unused.filter((action) => action !== "dynamodb:DeleteItem")).toEqual([]);
    },
    60_000,
  );

  describe("consume-trades", () => {
    needsKafka();

    it("makes dead letters with Kafka's client, and stores the rest", async () => {
      const broker = await openKafka();
      onTestFinished(() => broker.close());
      const topic = await broker.createTopic({ name: "dead-letters", partitions: 1 });
      const variables = { KAFKA_BROKERS: broker.addresses, KAFKA_DEAD_LETTER_TOPIC: topic };
      const [trade] = tradeRun({ symbol: "XRPUSDT", count: 1 });
      const event = kafkaEvent([textRecord("{"), recordOf(trade ?? tradeOf())]);
      const results = await service.invoke(
        "consume-trades",
        { ...lambdaVariables(), ...variables },
        [event],
      );
      expect(results).toEqual([{ batchItemFailures: [] }]);
      expect(await broker.endOffsets(topic)).toEqual([1]);
    }, 120_000);
  });

  describe("publish-trades", () => {
    needsKafka();

    it("publishes to Kafka, whose client is whole in its bundle", async () => {
      const broker = await openKafka();
      onTestFinished(() => broker.close());
      const topic = await broker.createTopic({ partitions: 1 });
      const variables = { KAFKA_BROKERS: broker.addresses, KAFKA_TRADES_TOPIC: topic };
      const events = [1, 500].map((count) => publishEvent(tradeRun({ symbol: "BTCUSDT", count })));
      const results = await service.invoke(
        "publish-trades",
        { ...lambdaVariables(), ...variables },
        events,
      );
      expect(results).toMatchObject([{ statusCode: 202 }, { statusCode: 202 }]);
      expect(await broker.endOffsets(topic)).toEqual([501]);
    }, 120_000);
  });

  it("leaves no function out", () => {
    expect(AT_WORK.map(([name]) => name).toSorted()).toEqual(FUNCTIONS);
  });

  function lambdaVariables(): Record<string, string> {
    return {
      STAGE: "prod",
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_SESSION_TOKEN: "session",
      DYNAMODB_ENDPOINT: recording.endpoint,
      TABLE_NAME: database.table,
      PUSHGATEWAY_URL: pushgateway.url,
    };
  }
});

/** Properties of the schedule that invokes a function. */
function ruleOf(name: string): Resource["Properties"] | undefined {
  const [id] =
    ofType("AWS::Lambda::Function").find(
      ([, { Properties }]) => Properties["FunctionName"] === `k2-trades-prod-${name}`,
    ) ?? [];
  const rules = ofType("AWS::Events::Rule").map(([, { Properties }]) => Properties);
  return rules.find(({ Targets }) => JSON.stringify(Targets).includes(`"${id}"`));
}

function consumeEvent(startOffset: number) {
  return kafkaEvent(tradeRun({ symbol: "ETHUSDT", count: 40 }).map(recordOf), { startOffset });
}

function publishEvent(trades: readonly Trade[]) {
  const headers = { "content-type": "application/json" };
  return apiEvent({ method: "POST", route: "/trades", headers, body: JSON.stringify(trades) });
}

/** A role's statements about services; by default about DynamoDB. */
function statementsOf(
  name: string,
  isWanted = (service: string): boolean => service === "dynamodb",
): Statement[] {
  const [role = ""] = propertiesOf(name)["Role"]["Fn::GetAtt"] as string[];
  const policies = service.resources[role]?.Properties["Policies"] as {
    PolicyDocument: { Statement: Statement[] };
  }[];
  return policies
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .filter(({ Action }) =>
      [Action].flat().every((action) => isWanted(action.split(":")[0] ?? "")),
    );
}

function actionsOf(name: string): string[] {
  return statementsOf(name).flatMap(({ Action }) => Action);
}

/** As IAM would decide. */
function isAllowed(name: string, { action, index, partitionKeys }: RecordedCall): boolean {
  return statementsOf(name).some(({ Action, Resource, Condition }) => {
    const keys = Condition?.["ForAllValues:StringEquals"]?.["dynamodb:LeadingKeys"];
    const never = Condition?.["ForAllValues:StringNotLike"]?.["dynamodb:LeadingKeys"] ?? [];
    const resources = [Resource].flat().map((resource) => JSON.stringify(resource));
    const wanted =
      index === undefined
        ? JSON.stringify({ "Fn::GetAtt": ["TradesTable", "Arn"] })
        : JSON.stringify({ "Fn::Sub": `\${TradesTable.Arn}/index/${index}` });
    return (
      [Action].flat().includes(action) &&
      resources.includes(wanted) &&
      (keys === undefined || partitionKeys.every((key) => keys.includes(key))) &&
      !partitionKeys.some((key) => never.some((pattern) => matchesGlob(key, pattern)))
    );
  });
}

function methods(): Resource[] {
  return ofType("AWS::ApiGateway::Method").map(([, method]) => method);
}

/** `GET /trades`, say. */
function nameOf({ Properties }: Resource): string {
  return `${Properties["HttpMethod"]} ${pathOf(Properties["ResourceId"])}`;
}

function pathOf(id: Readonly<Record<string, any>>): string {
  const parent = service.resources[id["Ref"]]?.Properties;
  if (parent === undefined) return "/";
  return `${pathOf(parent["ParentId"]).replace(/\/$/, "")}/${parent["PathPart"]}`;
}

/** What each method of each path calls. */
function routes(): [string, string][] {
  const names = new Map(
    ofType("AWS::Lambda::Function").map(([id, { Properties }]) => [
      id,
      String(Properties["FunctionName"]).replace("k2-trades-prod-", ""),
    ]),
  );
  return methods().map((method) => {
    const [id = ""] =
      /\w+LambdaFunction/.exec(JSON.stringify(method.Properties["Integration"])) ?? [];
    return [nameOf(method), names.get(id) ?? id];
  });
}

function expectedRoutes(): Record<string, string> {
  const own = TEMPLATES.flatMap((template) =>
    Object.entries(ROUTES[template]).flatMap(([method, name]) => [
      [`${method} ${template}`, name] as const,
      ...(method === "GET" ? [[`HEAD ${template}`, name] as const] : []),
    ]),
  );
  const between = ["/summary", "/summary/{symbol}", "/{proxy+}"];
  const others = [...TEMPLATES, ...between].map((path) => [`ANY ${path}`, "answer-unknown"]);
  return Object.fromEntries([...own, ...others]);
}
