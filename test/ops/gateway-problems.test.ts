import { describe, expect, it } from "vitest";
import { ERRORS } from "../../lib/errors.ts";
import { problemType } from "../../lib/http/problem.ts";
import { GATEWAY_ANSWERS, type GatewayAnswerType } from "../../ops/serverless/gateway-answers.ts";
import GatewayProblems from "../../ops/serverless/gateway-problems.ts";
import { documentedSchema } from "../support/documented-answers.ts";

interface GatewayResponse {
  readonly Type: string;
  readonly Properties: {
    readonly ResponseType: GatewayAnswerType;
    readonly StatusCode: string;
    readonly ResponseParameters: Readonly<Record<string, string>>;
    readonly ResponseTemplates: Readonly<Record<string, string>>;
  };
  readonly DependsOn?: readonly string[];
}

/** The template of a service with a deployment, after the plugin's work. */
function packaged(corsOrigins = ""): Record<string, GatewayResponse> {
  const Resources: Record<string, any> = {
    ApiGatewayDeployment1: { Type: "AWS::ApiGateway::Deployment", DependsOn: ["A"] },
  };
  const provider = {
    environment: { CORS_ORIGINS: corsOrigins },
    compiledCloudFormationTemplate: { Resources },
  };
  const { hooks } = new GatewayProblems({ service: { provider } });
  hooks["before:package:finalize"]?.();
  return Resources as Record<string, GatewayResponse>;
}

const answersOf = (resources: Record<string, GatewayResponse>) =>
  Object.values(resources).filter(({ Type }) => Type === "AWS::ApiGateway::GatewayResponse");

describe("what API Gateway answers itself", () => {
  const answers = answersOf(packaged()).map(({ Properties }) => Properties);

  it.each(answers)("$ResponseType is a problem of the catalogue", (answer) => {
    const { code } = GATEWAY_ANSWERS[answer.ResponseType];
    const { status, title } = ERRORS[code];
    const [body = ""] = Object.values(answer.ResponseTemplates);
    const problem: unknown = JSON.parse(body.replace("$context.requestId", "c6af9ac6-7b61"));
    expect(problem).toMatchObject({ type: problemType(code), title, status });
    expect(answer.StatusCode).toBe(String(status));
    const validate = documentedSchema("components", "schemas", "Problem");
    expect([validate(problem), validate.errors]).toEqual([true, null]);
  });

  it.each(answers)("$ResponseType carries the correlation id and its media type", (answer) => {
    expect(answer.ResponseParameters).toMatchObject({
      "gatewayresponse.header.X-Correlation-Id": "context.requestId",
      "gatewayresponse.header.Content-Type": "'application/problem+json; charset=utf-8'",
      "gatewayresponse.header.Cache-Control": "'no-store'",
    });
  });

  it.each(["THROTTLED", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"])(
    "%s says when to come again",
    (type) => {
      const answer = answers.find(({ ResponseType }) => ResponseType === type);
      expect(answer?.ResponseParameters["gatewayresponse.header.Retry-After"]).toBe("'1'");
    },
  );

  it("may be read from other origins exactly where some may read the API", () => {
    const name = "gatewayresponse.header.Access-Control-Allow-Origin";
    const origins = (cors: string) =>
      new Set(
        answersOf(packaged(cors)).map(({ Properties }) => Properties.ResponseParameters[name]),
      );
    expect(origins("")).toEqual(new Set([undefined]));
    expect(origins("https://a.example,https://b.example")).toEqual(new Set(["'*'"]));
  });

  it("is deployed: the deployment waits for all of it", () => {
    const { ApiGatewayDeployment1: deployment, ...others } = packaged();
    expect(deployment?.DependsOn).toEqual(["A", ...Object.keys(others)]);
    expect(Object.keys(others)).toContain("GatewayResponseInvalidApiKey");
  });
});
