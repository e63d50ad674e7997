/**
 * A plugin of the Serverless Framework: what API Gateway answers itself, without asking a function,
 * is a problem of the same catalogue, with a correlation id, and readable from allowed origins.
 */

import { GATEWAY_ANSWERS, type GatewayAnswer, toProblem } from "./gateway-answers.ts";

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  DependsOn?: string[];
}

interface Serverless {
  readonly service: {
    readonly provider: {
      readonly environment: { readonly CORS_ORIGINS?: string };
      readonly compiledCloudFormationTemplate: { readonly Resources: Record<string, Resource> };
    };
  };
}

export default class GatewayProblems {
  readonly hooks: Readonly<Record<string, () => void>>;

  constructor(serverless: Serverless) {
    this.hooks = { "before:package:finalize": () => addAnswers(serverless) };
  }
}

/** A resource for each answer; the deployment waits for them, since it takes up what there is. */
function addAnswers({ service: { provider } }: Serverless): void {
  const { Resources } = provider.compiledCloudFormationTemplate;
  const isShared = (provider.environment.CORS_ORIGINS ?? "") !== "";
  const answers = Object.entries(GATEWAY_ANSWERS).map(
    ([type, answer]) => [logicalId(type), toResource(type, answer, isShared)] as const,
  );
  const deployments = Object.values(Resources).filter(
    ({ Type }) => Type === "AWS::ApiGateway::Deployment",
  );
  for (const deployment of deployments) {
    deployment.DependsOn = [...(deployment.DependsOn ?? []), ...answers.map(([id]) => id)];
  }
  Object.assign(Resources, Object.fromEntries(answers));
}

function toResource(type: string, answer: GatewayAnswer, isShared: boolean): Resource {
  const problem = toProblem(answer, "$context.requestId");
  return {
    Type: "AWS::ApiGateway::GatewayResponse",
    Properties: {
      RestApiId: { Ref: "ApiGatewayRestApi" },
      ResponseType: type,
      StatusCode: String(problem.status),
      ResponseParameters: headersOf(answer, isShared),
      // The template of this type serves every `accept`; the header says what it is.
      ResponseTemplates: { "application/json": JSON.stringify(problem) },
    },
  };
}

const HEADER = "gatewayresponse.header.";
const SHARED = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "retry-after, x-correlation-id",
};

/**
 * Constants stand in single quotes. The answers hold nothing of anyone's, so any origin may read
 * them where some may read the others: a constant can't tell one origin from another.
 */
function headersOf(answer: GatewayAnswer, isShared: boolean): Record<string, string> {
  const constants: Record<string, string> = {
    "Content-Type": "application/problem+json; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...answer.headers,
    ...(isShared ? SHARED : {}),
  };
  const headers: Record<string, string> = {
    [`${HEADER}X-Correlation-Id`]: "context.requestId",
  };
  for (const [name, value] of Object.entries(constants)) headers[HEADER + name] = `'${value}'`;
  return headers;
}

/** `INVALID_API_KEY` → `GatewayResponseInvalidApiKey`. */
function logicalId(type: string): string {
  const words = type.split("_").map((word) => word[0] + word.slice(1).toLowerCase());
  return `GatewayResponse${words.join("")}`;
}
