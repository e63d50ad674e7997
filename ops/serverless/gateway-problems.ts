/**
 * A plugin of the Serverless Framework: what API Gateway answers itself, without asking a function,
 * is a problem of the same catalogue, with a correlation id, and readable from allowed origins.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
 */

import { type ErrorCode, ERRORS } from "../../lib/errors.ts";
import { type Problem, problemType } from "../../lib/http/problem.ts";

/** What API Gateway says for one of its response types. */
export interface GatewayAnswer {
  readonly code: ErrorCode;
  readonly detail: string;
  /** Beside those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
}

const NOT_ALLOWED: GatewayAnswer = { code: "FORBIDDEN", detail: "The request is not allowed." };
const NO_ROUTE: GatewayAnswer = {
  code: "NOT_FOUND",
  detail: "No such route; GET / lists those there are.",
};
/** Of a function that API Gateway could not invoke, most often since Lambda throttled it. */
const NOT_REACHED: GatewayAnswer = {
  code: "UNAVAILABLE",
  detail: "The function could not be invoked.",
  headers: { "Retry-After": "1" },
};

/** By API Gateway's response type; the two defaults answer for all that are not listed. */
export const GATEWAY_ANSWERS: Readonly<Record<string, GatewayAnswer>> = {
  ACCESS_DENIED: NOT_ALLOWED,
  EXPIRED_TOKEN: NOT_ALLOWED,
  INVALID_SIGNATURE: NOT_ALLOWED,
  WAF_FILTERED: NOT_ALLOWED,
  INVALID_API_KEY: { code: "FORBIDDEN", detail: "Expected a valid `x-api-key`." },
  UNAUTHORIZED: {
    code: "UNAUTHORIZED",
    detail: "Expected `authorization: Bearer` and the token.",
    headers: { "WWW-Authenticate": "Bearer" },
  },
  // API Gateway says so of any route it does not know.
  MISSING_AUTHENTICATION_TOKEN: NO_ROUTE,
  RESOURCE_NOT_FOUND: NO_ROUTE,
  REQUEST_TOO_LARGE: { code: "PAYLOAD_TOO_LARGE", detail: "API Gateway takes at most 10 MB." },
  UNSUPPORTED_MEDIA_TYPE: {
    code: "UNSUPPORTED_MEDIA_TYPE",
    detail: "Expected `content-type: application/json`.",
  },
  THROTTLED: {
    code: "THROTTLED",
    detail: "Too many requests at once.",
    headers: { "Retry-After": "1" },
  },
  QUOTA_EXCEEDED: { code: "QUOTA_EXCEEDED", detail: "The key's requests of today are used up." },
  INTEGRATION_FAILURE: NOT_REACHED,
  INTEGRATION_TIMEOUT: { ...NOT_REACHED, detail: "The answer took too long." },
  DEFAULT_4XX: { code: "INVALID_REQUEST", detail: "API Gateway could not take the request." },
  DEFAULT_5XX: { code: "INTERNAL", detail: "The request could not be handled." },
};

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
  const { code, detail } = answer;
  const problem: Problem = {
    type: problemType(code),
    title: ERRORS[code].title,
    status: ERRORS[code].status,
    detail,
    instance: "urn:correlation-id:$context.requestId",
  };
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
