import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type ConsumeFromKafkaOptions,
  kafkaResources,
} from "../../ops/serverless/consume-from-kafka.ts";
import { packageService, type PackagedService } from "../support/packaged-service.ts";

const CLUSTER = "arn:aws:kafka:us-east-1:123456789012:cluster/trades/abcd-1234-5";
const SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:AmazonMSK_trades-a1b2c3";

const KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d";

const NONE: ConsumeFromKafkaOptions = {
  from: "none",
  brokers: "",
  clusterArn: "",
  topic: "trades",
  group: "k2-trades-prod",
  saslMechanism: "",
  secretArn: "",
  secretKeyArn: "",
  caSecretArn: "",
  subnetIds: "",
  securityGroupIds: "",
  batchSize: 10_000,
  batchWindowSeconds: 1,
  maxRetries: 100,
  maxAgeSeconds: 604_800,
  maxPollers: 2,
  alarmTopicArn: "",
};
const OWN = { ...NONE, from: "kafka", brokers: "b1:9092,b2:9092" };
const MSK = { ...NONE, from: "msk", clusterArn: CLUSTER };

const mappingOf = (options: ConsumeFromKafkaOptions) =>
  kafkaResources(options)["ConsumeFromKafkaMapping"]?.["Properties"];

/** Every action the mapping's role is allowed, with its resource. */
function allowed(options: ConsumeFromKafkaOptions): [string, string][] {
  const policy = kafkaResources(options)["ConsumeFromKafkaPolicy"] as any;
  return policy.Properties.PolicyDocument.Statement.flatMap(({ Action, Resource }: any) =>
    [Action].flat().map((action: string) => [action, JSON.stringify(Resource)]),
  );
}
const actionsOf = (options: ConsumeFromKafkaOptions) =>
  allowed(options)
    .map(([action]) => action)
    .sort();

const BUCKET = ["s3:ListBucket", "s3:PutObject"];
const SECRET_READ = "secretsmanager:GetSecretValue";
const NETWORK = [
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeSubnets",
  "ec2:DescribeVpcs",
];
const CLUSTER_READ = [
  "kafka:DescribeCluster",
  "kafka:DescribeClusterV2",
  "kafka:GetBootstrapBrokers",
];

describe("consuming from Kafka", () => {
  it("needs nothing when it is switched off", () => {
    expect(kafkaResources(NONE)).toEqual({});
    expect(kafkaResources({ ...NONE, from: "local" })).toEqual({});
  });

  it("tells the topic of alarms when the bucket of batches that were given up is not empty", () => {
    const topic = "arn:aws:sns:us-east-1:123456789012:alarms";
    expect(kafkaResources(OWN)).not.toHaveProperty("UndeliveredTradesAlarm");
    expect(
      kafkaResources({ ...OWN, alarmTopicArn: topic })["UndeliveredTradesAlarm"],
    ).toMatchObject({
      Properties: {
        MetricName: "NumberOfObjects",
        Threshold: 0,
        Dimensions: [{ Value: { Ref: "UndeliveredTradesBucket" } }, { Value: "AllStorageTypes" }],
        AlarmActions: [topic],
      },
    });
  });

  it("reaches one's own brokers where the parameters say, as they say", () => {
    const options = {
      ...OWN,
      saslMechanism: "SCRAM-SHA-512",
      secretArn: SECRET,
      caSecretArn: `${SECRET}-ca`,
      subnetIds: "subnet-1,subnet-2",
      securityGroupIds: "sg-1",
    };
    expect(mappingOf(options)).toMatchObject({
      SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: ["b1:9092", "b2:9092"] } },
      SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: "k2-trades-prod" },
      SourceAccessConfigurations: [
        { Type: "SASL_SCRAM_512_AUTH", URI: SECRET },
        { Type: "SERVER_ROOT_CA_CERTIFICATE", URI: `${SECRET}-ca` },
        { Type: "VPC_SUBNET", URI: "subnet:subnet-1" },
        { Type: "VPC_SUBNET", URI: "subnet:subnet-2" },
        { Type: "VPC_SECURITY_GROUP", URI: "security_group:sg-1" },
      ],
    });
    expect(actionsOf(options)).toEqual([...BUCKET, ...NETWORK, SECRET_READ, SECRET_READ].sort());
  });

  it("is allowed no more than it needs, of no more than its own", () => {
    expect(actionsOf(OWN)).toEqual(BUCKET);
    const scram = { saslMechanism: "SCRAM-SHA-512", secretArn: SECRET, secretKeyArn: KEY };
    expect(actionsOf({ ...MSK, ...scram })).toEqual(
      [...BUCKET, ...NETWORK, ...CLUSTER_READ, SECRET_READ, "kms:Decrypt"].sort(),
    );
    expect(allowed({ ...MSK, ...scram })).toContainEqual(["kms:Decrypt", JSON.stringify(KEY)]);
    expect(allowed(MSK).filter(([action]) => action.startsWith("kafka-cluster:"))).toEqual([
      ["kafka-cluster:Connect", JSON.stringify(CLUSTER)],
      ["kafka-cluster:DescribeClusterDynamicConfiguration", JSON.stringify(CLUSTER)],
      ...["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"].map((action) => [
        action,
        JSON.stringify(CLUSTER.replace(":cluster/", ":topic/").concat("/trades")),
      ]),
      ...["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"].map((action) => [
        action,
        JSON.stringify(CLUSTER.replace(":cluster/", ":group/").concat("/k2-trades-prod")),
      ]),
    ]);
    const anywhere = allowed(MSK).filter(([, resource]) => resource === '"*"');
    expect(anywhere.map(([action]) => action)).toEqual(NETWORK);
  });
});

describe.each<[from: string, params: Record<string, string>, source: string]>([
  [
    "kafka",
    { kafkaBrokers: "b1:9092", kafkaTradesTopic: "market.trades" },
    "SelfManagedEventSource",
  ],
  [
    "msk",
    {
      kafkaClusterArn: CLUSTER,
      kafkaBrokers: "b1:9096",
      vpc: "true",
      vpcSubnetIds: "subnet-1",
      vpcSecurityGroupIds: "sg-1",
    },
    "EventSourceArn",
  ],
])("the packaged template with consumeFrom=%s", (from, params, source) => {
  let service: PackagedService;
  beforeAll(() => {
    service = packageService({ stage: "prod", params: { consumeFrom: from, ...params } });
  }, 300_000);
  afterAll(() => service.remove());

  it("has one mapping to consume-trades, with partial answers, limits and a way out", () => {
    const mappings = Object.values(service.resources).filter(
      ({ Type }) => Type === "AWS::Lambda::EventSourceMapping",
    );
    expect(mappings).toHaveLength(1);
    expect(mappings[0]?.Properties).toMatchObject({
      FunctionName: { "Fn::GetAtt": ["ConsumeDashtradesLambdaFunction", "Arn"] },
      Topics: [params["kafkaTradesTopic"] ?? "trades"],
      [source]: expect.anything(),
      StartingPosition: "TRIM_HORIZON",
      BatchSize: 10_000,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 100,
      MaximumRecordAgeInSeconds: 604_800,
      DestinationConfig: {
        OnFailure: { Destination: { "Fn::GetAtt": ["UndeliveredTradesBucket", "Arn"] } },
      },
      ProvisionedPollerConfig: { MinimumPollers: 1, MaximumPollers: 2 },
    });
  });

  it("gives the permissions to the function's own role, before the mapping is made", () => {
    const { resources } = service;
    const role = "ConsumeDashtradesIamRoleLambdaExecution";
    expect(resources["ConsumeDashtradesLambdaFunction"]?.Properties["Role"]).toEqual({
      "Fn::GetAtt": [role, "Arn"],
    });
    expect(resources["ConsumeFromKafkaPolicy"]?.Properties["Roles"]).toEqual([{ Ref: role }]);
    expect(resources["ConsumeFromKafkaMapping"]).toMatchObject({
      DependsOn: "ConsumeFromKafkaPolicy",
    });
  });

  it("measures the lag of the same group every minute, one run at a time", () => {
    const lag = service.resources["MeasureDashlagLambdaFunction"]?.Properties;
    const mapping = service.resources["ConsumeFromKafkaMapping"]?.Properties;
    const group =
      mapping?.["SelfManagedKafkaEventSourceConfig"] ??
      mapping?.["AmazonManagedKafkaEventSourceConfig"];
    expect(lag).toMatchObject({
      ReservedConcurrentExecutions: 1,
      Environment: { Variables: { KAFKA_CONSUMER_GROUP: group.ConsumerGroupId } },
    });
    const rules = Object.values(service.resources).filter(
      ({ Type, Properties }) =>
        Type === "AWS::Events::Rule" &&
        JSON.stringify(Properties["Targets"]).includes("MeasureDashlagLambdaFunction"),
    );
    expect(rules).toMatchObject([
      { Properties: { ScheduleExpression: "rate(1 minute)", State: "ENABLED" } },
    ]);
  });

  it("keeps what was given up, closed to the world and encrypted, when the stack goes", () => {
    expect(service.resources["UndeliveredTradesBucket"]).toMatchObject({
      DeletionPolicy: "Retain",
      Properties: {
        BucketEncryption: expect.anything(),
        PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
      },
    });
  });
});
