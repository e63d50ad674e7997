/**
 * The parts that every route's description is made of: parameters, answers, problems.
 */

import { ERRORS, type ErrorCode, ServiceError } from "../lib/errors.ts";
import { PROBLEM_CONTENT_TYPE, problemResponse } from "../lib/http/problem.ts";
import { exampleOf, type JsonSchema, ref, type SCHEMAS } from "./schemas.ts";

export type Responses = Readonly<Record<string, JsonSchema>>;

/** Headers of every response. */
export const HEADERS = { "x-correlation-id": { $ref: "#/components/headers/CorrelationId" } };

/** A 200, or another status, whose body is one of the schemas. */
export function answer(
  description: string,
  schema: keyof typeof SCHEMAS,
  status: 200 | 202 = 200,
): Responses {
  const body = { schema: ref(schema), example: exampleOf(ref(schema)) };
  return { [status]: { description, headers: HEADERS, content: { "application/json": body } } };
}

/** Problem details by status; codes that share one share its description. */
export function problems(...codes: readonly ErrorCode[]): Responses {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  return Object.fromEntries([...byStatus].map(([status, group]) => [status, problem(...group)]));
}

/** A response that is of another form too; its media type tells which one came. */
export function orElse(response: JsonSchema, { description, content }: JsonSchema): JsonSchema {
  const forms = { ...(content as object), ...(response["content"] as object) };
  const words = `${String(description)} ${String(response["description"])}`;
  return { ...response, description: words, content: forms };
}

/** What was wrong in the example of each code. */
const EXAMPLE_ERRORS: Readonly<Partial<Record<ErrorCode, ServiceError>>> = {
  INVALID_REQUEST: new ServiceError("INVALID_REQUEST", "Some parameters are not as expected.", {
    faults: [{ pointer: "/limit", detail: "expected a whole number from 1 to 1000" }],
  }),
  UNAUTHORIZED: new ServiceError(
    "UNAUTHORIZED",
    "Expected `authorization: Bearer` and the token.",
    { headers: { "www-authenticate": "Bearer" } },
  ),
  FORBIDDEN: new ServiceError("FORBIDDEN", "Expected a valid `x-api-key`."),
  NOT_FOUND: new ServiceError("NOT_FOUND", "BTCUSDT has no trade on 2021-01-08."),
  THROTTLED: new ServiceError("THROTTLED", "Too many requests at once.", { retryAfterSeconds: 1 }),
  QUOTA_EXCEEDED: new ServiceError("QUOTA_EXCEEDED", "The key's requests of today are used up."),
  UNAVAILABLE: new ServiceError("UNAVAILABLE", "The answer took too long.", {
    retryAfterSeconds: 1,
  }),
  READ_FAILED: new ServiceError("READ_FAILED", "A Pushgateway did not answer in time."),
  PAGE_TOO_LARGE: new ServiceError(
    "PAGE_TOO_LARGE",
    "the page has 7654321 bytes, expected at most 6226020; largest: orders_total (42000 label sets, 7200000 bytes)",
  ),
};

const EXAMPLE_CORRELATION_ID = "4f1c7a2e-9d0b-4c63-8a51-6f2f0d9a7b10";

/** Problem details of codes that share a status. */
export function problem(...codes: readonly ErrorCode[]): JsonSchema {
  const answers = codes.map((code) =>
    problemResponse(EXAMPLE_ERRORS[code] ?? new ServiceError(code, ""), EXAMPLE_CORRELATION_ID),
  );
  const examples = answers.map(({ body }, i) => [codes[i], { value: JSON.parse(body) }] as const);
  const [media = ""] = PROBLEM_CONTENT_TYPE.split(";");
  return {
    description: codes.map((code) => `${ERRORS[code].title}.`).join(" "),
    headers: { ...HEADERS, ...headersOf(answers) },
    content: { [media]: { schema: ref("Problem"), examples: Object.fromEntries(examples) } },
  };
}

function headersOf(answers: readonly { headers: Readonly<Record<string, string>> }[]): JsonSchema {
  const names = new Set(answers.flatMap(({ headers }) => Object.keys(headers)));
  return {
    ...(names.has("retry-after") ? { "retry-after": reference("RetryAfter") } : {}),
    ...(names.has("www-authenticate") ? { "www-authenticate": reference("WwwAuthenticate") } : {}),
  };
}

function reference(header: string): JsonSchema {
  return { $ref: `#/components/headers/${header}` };
}
