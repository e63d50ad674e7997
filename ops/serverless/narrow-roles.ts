/**
 * A plugin of the Serverless Framework: takes away what its roles may do too much. The framework's
 * own role is no function's here, and AWS's managed policy for a VPC lets a function write any log.
 */

interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: string;
  readonly Condition?: unknown;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: {
    readonly Role?: { readonly "Fn::GetAtt"?: readonly [string, string] };
    readonly FunctionName?: string;
    readonly ManagedPolicyArns?: readonly unknown[];
    readonly Policies?: readonly { PolicyDocument: { Statement: Statement[] } }[];
  };
}

type Resources = Record<string, Resource>;

interface Serverless {
  readonly service: {
    readonly provider: {
      readonly compiledCloudFormationTemplate: { readonly Resources: Resources };
    };
  };
}

const SHARED_ROLE = "IamRoleLambdaExecution";
const VPC_POLICY = "AWSLambdaVPCAccessExecutionRole";
/** What Lambda needs to put a function into a VPC; none of these can be limited to a resource. */
const NETWORK_ACTIONS = [
  "ec2:AssignPrivateIpAddresses",
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:UnassignPrivateIpAddresses",
];

export default class NarrowRoles {
  readonly hooks: Readonly<Record<string, () => void>>;

  constructor({ service }: Serverless) {
    this.hooks = {
      // After the plugin that makes the roles.
      "before:package:finalize": () =>
        narrowRoles(service.provider.compiledCloudFormationTemplate.Resources),
    };
  }
}

/** Changes the template's roles in place. */
export function narrowRoles(resources: Resources): void {
  const functions = Object.values(resources).filter(({ Type }) => Type === "AWS::Lambda::Function");
  const used = new Map(
    functions.map(({ Properties }) => [Properties?.Role?.["Fn::GetAtt"]?.[0], Properties]),
  );
  if (!used.has(SHARED_ROLE)) delete resources[SHARED_ROLE];
  for (const [id, { Properties: role }] of Object.entries(resources)) {
    const name = used.get(id)?.FunctionName;
    if (name === undefined || !JSON.stringify(role?.ManagedPolicyArns ?? []).includes(VPC_POLICY))
      continue;
    Object.assign(role ?? {}, { ManagedPolicyArns: [] });
    role?.Policies?.[0]?.PolicyDocument.Statement.push(...networkStatements(name));
  }
}

/**
 * The permissions are for Lambda, which acts with the function's role; the function's code is denied
 * them.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
 */
function networkStatements(functionName: string): Statement[] {
  const ofFunction = { "Fn::Sub": `arn:\${AWS::Partition}:lambda:*:*:function:${functionName}` };
  return [
    { Effect: "Allow", Action: NETWORK_ACTIONS, Resource: "*" },
    {
      Effect: "Deny",
      Action: NETWORK_ACTIONS,
      Resource: "*",
      Condition: { ArnLike: { "lambda:SourceFunctionArn": [ofFunction] } },
    },
  ];
}
