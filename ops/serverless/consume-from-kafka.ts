/**
 * A plugin of the Serverless Framework: has Kafka invoke consume-trades, where `consumeFrom` says so.
 * The framework's own `kafka` and `msk` events know neither partial answers nor limits on retries,
 * are named after the topic, and put permissions into a role that no function here has. What is wrong
 * with its parameters has been refused before (parameters.ts).
 */

export interface ConsumeFromKafkaOptions {
  /** `none`; `local`, what `npm start` brings; `kafka`, a cluster of one's own; `msk`, Amazon's. */
  readonly from: string;
  /** host:port, separated by commas; of one's own cluster. */
  readonly brokers: string;
  /** Of MSK. */
  readonly clusterArn: string;
  readonly topic: string;
  readonly group: string;
  /** Empty, `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`. */
  readonly saslMechanism: string;
  /** Secret with `username` and `password`. */
  readonly secretArn: string;
  /** Key that encrypts that secret; empty: Secrets Manager's own. */
  readonly secretKeyArn: string;
  /** Secret with the `certificate` to trust, of one's own cluster. */
  readonly caSecretArn: string;
  /** Of one's own cluster, separated by commas; empty where brokers are reached over the internet. */
  readonly subnetIds: string;
  readonly securityGroupIds: string;
  readonly batchSize: number | string;
  readonly batchWindowSeconds: number | string;
  readonly maxRetries: number | string;
  readonly maxAgeSeconds: number | string;
  readonly maxPollers: number | string;
  /** Topic that is told when a batch was given up; empty: nobody is. */
  readonly alarmTopicArn: string;
}

interface Resource {
  readonly Type: string;
  readonly [name: string]: unknown;
}

type Resources = Record<string, Resource>;

interface Serverless {
  readonly service: {
    readonly custom: { readonly consumeFromKafka: ConsumeFromKafkaOptions };
    readonly provider: {
      readonly compiledCloudFormationTemplate: { readonly Resources: Resources };
    };
  };
}

const FUNCTION = "ConsumeDashtradesLambdaFunction";
const ROLE = "ConsumeDashtradesIamRoleLambdaExecution";

export default class ConsumeFromKafka {
  readonly hooks: Readonly<Record<string, () => void>>;

  constructor({ service }: Serverless) {
    this.hooks = {
      // After the roles: their plugin would have the mapping wait for its role alone.
      "before:package:finalize": () => {
        Object.assign(
          service.provider.compiledCloudFormationTemplate.Resources,
          kafkaResources(service.custom.consumeFromKafka),
        );
      },
    };
  }
}

/** All that it takes: the mapping, what its role has to be allowed, where given up batches go. */
export function kafkaResources(options: ConsumeFromKafkaOptions): Resources {
  if (options.from === "none" || options.from === "local") return {};
  return {
    UndeliveredTradesBucket: bucket(),
    ConsumeFromKafkaPolicy: policy(options),
    ConsumeFromKafkaMapping: mapping(options),
    ...(options.alarmTopicArn === "" ? {} : { UndeliveredTradesAlarm: alarm(options) }),
  };
}

/** Each object holds a batch's whole event: nothing is lost, and it can be handed in again. */
function bucket(): Resource {
  return {
    Type: "AWS::S3::Bucket",
    DeletionPolicy: "Retain",
    UpdateReplacePolicy: "Retain",
    Properties: {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } },
        ],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    },
  };
}

/** S3 counts objects once a day; nobody else sees what Lambda gave up. */
function alarm({ alarmTopicArn }: ConsumeFromKafkaOptions): Resource {
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmDescription: "Batches of trades were given up: see operations, in docs.",
      Namespace: "AWS/S3",
      MetricName: "NumberOfObjects",
      Dimensions: [
        { Name: "BucketName", Value: { Ref: "UndeliveredTradesBucket" } },
        { Name: "StorageType", Value: "AllStorageTypes" },
      ],
      Statistic: "Maximum",
      Period: 86_400,
      EvaluationPeriods: 1,
      Threshold: 0,
      ComparisonOperator: "GreaterThanThreshold",
      TreatMissingData: "notBreaching",
      AlarmActions: [alarmTopicArn],
      OKActions: [alarmTopicArn],
    },
  };
}

/** Event source mappings act with the function's role. */
function policy(options: ConsumeFromKafkaOptions): Resource {
  const statements = [
    allow("s3:PutObject", { "Fn::Sub": "${UndeliveredTradesBucket.Arn}/*" }),
    allow("s3:ListBucket", { "Fn::GetAtt": ["UndeliveredTradesBucket", "Arn"] }),
    ...[options.secretArn, options.caSecretArn]
      .filter((arn) => arn !== "")
      .map((arn) => allow("secretsmanager:GetSecretValue", arn)),
    ...(options.secretKeyArn === "" ? [] : [allow("kms:Decrypt", options.secretKeyArn)]),
    ...(isInVpc(options) ? [allow(NETWORK_ACTIONS, "*")] : []),
    ...(options.from === "msk" ? clusterStatements(options) : []),
  ];
  return {
    Type: "AWS::IAM::Policy",
    Properties: {
      PolicyName: "consume-from-kafka",
      Roles: [{ Ref: ROLE }],
      PolicyDocument: { Version: "2012-10-17", Statement: statements },
    },
  };
}

/** None of these can be limited to a resource. */
const NETWORK_ACTIONS = [
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeSubnets",
  "ec2:DescribeVpcs",
];

function isInVpc({ from, subnetIds }: ConsumeFromKafkaOptions): boolean {
  return from === "msk" || subnetIds !== "";
}

/** Without a secret it is IAM that lets readers into MSK. */
function clusterStatements({ clusterArn, topic, group, secretArn }: ConsumeFromKafkaOptions) {
  const resource = (kind: string, name: string) =>
    `${clusterArn.replace(":cluster/", `:${kind}/`)}/${name}`;
  const asReader = [
    allow(
      ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"],
      clusterArn,
    ),
    allow(["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"], resource("topic", topic)),
    allow(["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"], resource("group", group)),
  ];
  return [
    allow(
      ["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"],
      clusterArn,
    ),
    ...(secretArn === "" ? asReader : []),
  ];
}

function allow(Action: string | readonly string[], Resource: unknown) {
  return { Effect: "Allow", Action, Resource };
}

function mapping(options: ConsumeFromKafkaOptions): Resource {
  const { topic, batchSize, batchWindowSeconds, maxRetries, maxAgeSeconds, maxPollers } = options;
  const access = accessOf(options);
  return {
    Type: "AWS::Lambda::EventSourceMapping",
    // What its role may not do is refused when it is made.
    DependsOn: "ConsumeFromKafkaPolicy",
    Properties: {
      FunctionName: { "Fn::GetAtt": [FUNCTION, "Arn"] },
      ...source(options),
      // An empty list is refused.
      ...(access.length === 0 ? {} : { SourceAccessConfigurations: access }),
      Topics: [topic],
      StartingPosition: "TRIM_HORIZON",
      BatchSize: Number(batchSize),
      MaximumBatchingWindowInSeconds: Number(batchWindowSeconds),
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: Number(maxRetries),
      MaximumRecordAgeInSeconds: Number(maxAgeSeconds),
      DestinationConfig: {
        OnFailure: { Destination: { "Fn::GetAtt": ["UndeliveredTradesBucket", "Arn"] } },
      },
      // Lambda has retry limits and partial answers for Kafka in its provisioned mode.
      ProvisionedPollerConfig: { MinimumPollers: 1, MaximumPollers: Number(maxPollers) },
    },
  };
}

function source({ from, brokers, clusterArn, group }: ConsumeFromKafkaOptions) {
  if (from === "msk")
    return {
      EventSourceArn: clusterArn,
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: group },
    };
  return {
    SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: split(brokers) } },
    SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: group },
  };
}

const AUTH_TYPES: Readonly<Record<string, string>> = {
  PLAIN: "BASIC_AUTH",
  "SCRAM-SHA-256": "SASL_SCRAM_256_AUTH",
  "SCRAM-SHA-512": "SASL_SCRAM_512_AUTH",
};

function accessOf(options: ConsumeFromKafkaOptions): { Type: string; URI: string }[] {
  const { from, saslMechanism, secretArn, caSecretArn, subnetIds, securityGroupIds } = options;
  const auth = AUTH_TYPES[saslMechanism];
  const ofSecret = auth === undefined ? [] : [{ Type: auth, URI: secretArn }];
  // MSK says itself where it is and whom to trust.
  if (from === "msk") return ofSecret;
  return [
    ...ofSecret,
    ...(caSecretArn === "" ? [] : [{ Type: "SERVER_ROOT_CA_CERTIFICATE", URI: caSecretArn }]),
    ...split(subnetIds).map((id) => ({ Type: "VPC_SUBNET", URI: `subnet:${id}` })),
    ...split(securityGroupIds).map((id) => ({
      Type: "VPC_SECURITY_GROUP",
      URI: `security_group:${id}`,
    })),
  ];
}

function split(list: string): string[] {
  return list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
