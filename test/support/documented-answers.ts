/**
 * Holds what handlers answer against openapi.json: the status, media type, headers and body of every
 * answer are documented, down to each field.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { APIGatewayProxyResult } from "aws-lambda";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";

type Json = Readonly<Record<string, any>>;

const DOCUMENT = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../openapi.json"), "utf8"),
) as Json;
const METHODS_OF_ANY_ROUTE = ["HEAD", "OPTIONS"];

/** Validators of the document's schemas, by where they stand in it. */
const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema({ $id: "api", ...(closeObjects(DOCUMENT) as Json) });

/** A validator of the schema at these keys of openapi.json. */
export function documentedSchema(...keys: readonly (string | number)[]): ValidateFunction {
  const pointer = keys.map((key) => `/${escapePointer(String(key))}`).join("");
  const validate = ajv.getSchema(`api#${pointer}`);
  if (validate === undefined) throw new Error(`openapi.json has no ${pointer}`);
  return validate;
}

/**
 * What of an answer is not as documented; empty when all of it is.
 * @param asked the method, and the template that matched.
 */
export function faultsOfAnswer(
  asked: { readonly method: string; readonly template: string },
  result: APIGatewayProxyResult,
): string[] {
  const { method, template } = asked;
  const id = result.headers?.["x-correlation-id"];
  const general = typeof id === "string" ? [] : ["no x-correlation-id"];
  const operation = method === "HEAD" ? "get" : method.toLowerCase();
  const isOperation = Object.hasOwn(DOCUMENT["paths"][template] ?? {}, operation);
  if (isOperation) return [...general, ...faultsOfOperation(asked, operation, result)];
  return [...general, ...faultsOfElse(asked, result)];
}

/** Answers of `OPTIONS`, of unknown routes and of methods a route does not have. */
function faultsOfElse(
  { method, template }: { readonly method: string; readonly template: string },
  { statusCode, headers, body }: APIGatewayProxyResult,
): string[] {
  const methods = Object.keys(DOCUMENT["paths"][template] ?? {}).map((one) => one.toUpperCase());
  const isKnown = methods.length > 0;
  const allow = String(headers?.["allow"] ?? "").split(", ");
  const wanted = isKnown ? [...methods, ...METHODS_OF_ANY_ROUTE] : [];
  const missing = wanted.filter((one) => !allow.includes(one)).map((one) => `allow lacks ${one}`);
  if (isKnown && method === "OPTIONS") {
    return statusCode === 204 && body === "" ? missing : [`OPTIONS answered ${statusCode}`];
  }
  if (statusCode >= 500) return faultsOfProblem(statusCode, body, headers);
  const status = isKnown ? 405 : 404;
  const faults = statusCode === status ? [] : [`status ${statusCode}, expected ${status}`];
  if (method === "HEAD") return [...faults, ...(body === "" ? missing : ["HEAD with a body"])];
  return [...faults, ...missing, ...faultsOfProblem(statusCode, body, headers)];
}

function faultsOfProblem(
  status: number,
  body: string,
  headers: APIGatewayProxyResult["headers"],
): string[] {
  const [media] = String(headers?.["content-type"]).split(";");
  if (media !== "application/problem+json") return [`media type ${media}`];
  const problem: unknown = JSON.parse(body);
  const faults = faultsOf(documentedSchema("components", "schemas", "Problem"), problem);
  const told = (problem as Json)["status"];
  return told === status ? faults : [...faults, `status ${told} in a ${status}`];
}

function faultsOfOperation(
  { method, template }: { readonly method: string; readonly template: string },
  operation: string,
  { statusCode, headers = {}, body }: APIGatewayProxyResult,
): string[] {
  const at = ["paths", template, operation, "responses", statusCode] as const;
  const response = DOCUMENT["paths"][template][operation].responses[statusCode] as Json | undefined;
  if (response === undefined) return [`status ${statusCode} of ${template} is not documented`];
  const contentType = String(headers["content-type"]);
  const [type = ""] = contentType.split(";");
  const media = [contentType, type].find((one) => Object.hasOwn(response["content"], one));
  if (media === undefined) return [`media type ${contentType} of ${template} is not documented`];
  const faults = faultsOfHeaders(at, response, headers);
  if (method === "HEAD") return body === "" ? faults : [...faults, "HEAD with a body"];
  const value: unknown = type.endsWith("json") ? JSON.parse(body) : body;
  faults.push(...faultsOf(documentedSchema(...at, "content", media, "schema"), value));
  if (statusCode >= 400 && type.endsWith("problem+json"))
    faults.push(...faultsOfProblem(statusCode, body, headers));
  return faults;
}

function faultsOfHeaders(
  at: readonly (string | number)[],
  response: Json,
  sent: NonNullable<APIGatewayProxyResult["headers"]>,
): string[] {
  return Object.entries(response["headers"] as Json).flatMap(([name, { $ref }]) => {
    const value = sent[name];
    if (value === undefined) return [];
    const keys = String($ref).split("/").slice(1);
    const isInteger = DOCUMENT["components"].headers[keys.at(-1) ?? ""].schema.type === "integer";
    const validate = documentedSchema(...keys, "schema");
    return faultsOf(validate, isInteger ? Number(value) : value, `${at.join(" ")} ${name}`);
  });
}

function faultsOf(validate: ValidateFunction, value: unknown, where = ""): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    `${where} ${instancePath} ${message} ${JSON.stringify(params)}`.trim(),
  );
}

/** Refuses, of every object with fields, fields that are not documented. */
function closeObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closeObjects);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, closeObjects(one)] as const);
  const closed = Object.fromEntries(entries);
  const isOpen = closed["type"] === "object" && closed["properties"] !== undefined;
  return isOpen ? { additionalProperties: false, ...closed } : closed;
}

function escapePointer(key: string): string {
  return encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"));
}
