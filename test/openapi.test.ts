import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ERRORS, ServiceError } from "../lib/errors.ts";
import { problemType } from "../lib/http/problem.ts";
import { allowedMethods, TEMPLATES } from "../lib/routes.ts";
import { parseSummaryQuery, SummaryParameters } from "../lib/trades/summary-query.ts";
import { parseTradesQuery, TradesParameters } from "../lib/trades/trades-query.ts";
import { describeApi } from "../openapi/document.ts";
import { PUBLIC_CODES, SCHEMAS } from "../openapi/schemas.ts";
import { readApiRoutes } from "./support/api-routes.ts";
import { documentedSchema } from "./support/documented-answers.ts";

type Json = Readonly<Record<string, any>>;
type Parse = (params: Readonly<Record<string, string>>) => unknown;

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8")) as Json;
const document = read("openapi.json");

describe("openapi.json", () => {
  it("is current; `npm run openapi` writes it", () => {
    expect(document).toEqual(
      JSON.parse(JSON.stringify(describeApi(read("package.json")["version"]))),
    );
  });

  it("is a document of OpenAPI 3.1", async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
  });

  it("describes exactly the routes and methods there are", () => {
    const described = TEMPLATES.map((template) => [template, methodsOf(template)]);
    expect(Object.keys(document["paths"]).toSorted()).toEqual(TEMPLATES.toSorted());
    expect(described).toEqual(
      TEMPLATES.map((template) => [
        template,
        allowedMethods(template).filter((method) => !["HEAD", "OPTIONS"].includes(method)),
      ]),
    );
  });

  it("describes exactly what serverless.yml has events for", () => {
    const events = readApiRoutes().filter(({ method }) => !["ANY", "HEAD"].includes(method));
    expect(events.map(({ method, template }) => `${method} ${template}`).toSorted()).toEqual(
      TEMPLATES.flatMap((template) =>
        methodsOf(template).map((method) => `${method} ${template}`),
      ).toSorted(),
    );
  });
});

describe("every problem type", () => {
  it.each(PUBLIC_CODES)("%s is documented with its title", (code) => {
    const { type } = document["components"].schemas.Problem.properties;
    expect(type.enum).toContain(problemType(code));
    expect(type.description).toContain(`\`${problemType(code)}\` (${ERRORS[code].status}): `);
    expect(type.description).toContain(ERRORS[code].title);
  });

  it("is one that callers can meet: those of status 500 all show as INTERNAL", () => {
    expect(PUBLIC_CODES).toEqual(
      Object.entries(ERRORS)
        .filter(([code, { status }]) => status !== 500 || code === "INTERNAL")
        .map(([code]) => code),
    );
  });
});

describe("every example", () => {
  it.each(mediaTypes().map(named))("of $name is valid", ({ where }) => {
    const { example, examples = {} } = at(where);
    const values =
      example === undefined ? Object.values(examples as Json).map(({ value }) => value) : [example];
    expect(values).not.toEqual([]);
    const validate = documentedSchema(...where, "schema");
    for (const value of values) expect([validate(value), validate.errors]).toEqual([true, null]);
  });

  it.each(schemasWithExamples().map(named))("of $name is valid", ({ where }) => {
    const validate = documentedSchema(...where);
    for (const value of at(where)["examples"])
      expect([validate(value), validate.errors]).toEqual([true, null]);
  });
});

describe.each<[string, Json, string, Parse, Readonly<Record<string, string>>]>([
  ["/trades", TradesParameters.entries, "query", parseTradesQuery, {}],
  [
    "/summary/{symbol}/{date}",
    SummaryParameters.entries,
    "path",
    parseSummaryQuery,
    { symbol: "BTCUSDT", date: "2021-01-08" },
  ],
])("the parameters of %s", (template, entries, place, parse, others) => {
  const parameters = (document["paths"][template].get.parameters as Json[]).flatMap(
    (parameter, i) => (parameter["in"] === place ? [{ ...parameter, i } as Json] : []),
  );

  it("are those that are checked, each with words and an example that is taken", () => {
    expect(parameters.map(({ name }) => name)).toEqual(Object.keys(entries));
    // A cursor belongs to the filters it was made for, so all examples are taken together.
    const together = Object.fromEntries(
      parameters.map(({ name, schema }) => [name, String(schema.examples[0])]),
    );
    for (const { name, description, schema, required = false } of parameters) {
      expect(description).toMatch(/^[A-Z`].*\.$/s);
      for (const example of schema.examples)
        expect(() => parse({ ...together, [name]: String(example) })).not.toThrow();
      expect(required).toBe(place === "path");
    }
  });

  it("take nothing that the document would refuse", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      ...parameters.flatMap(({ schema }) => patternsOf(schema)),
      fc.integer({ min: -10, max: 2_000 }).map(String),
    );
    fc.assert(
      fc.property(fc.constantFrom(...parameters), texts, ({ name, schema, i }, text) => {
        if (!isTaken(parse, { ...others, [name]: text })) return;
        const value = schema.type === "integer" ? Number(text) : text;
        const where = ["paths", template, "get", "parameters", i, "schema"] as const;
        expect(documentedSchema(...where)(value)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});

function isTaken(parse: Parse, params: Readonly<Record<string, string>>): boolean {
  try {
    parse(params);
    return true;
  } catch (error) {
    if (error instanceof ServiceError) return false;
    throw error;
  }
}

function patternsOf({ pattern }: Json): fc.Arbitrary<string>[] {
  return pattern === undefined ? [] : [fc.stringMatching(new RegExp(pattern))];
}

function methodsOf(template: string): string[] {
  return Object.keys(document["paths"][template]).map((method) => method.toUpperCase());
}

type Where = readonly string[];

function at(where: Where): Json {
  return where.reduce<Json>((value, key) => value[key], document);
}

function named(where: Where): { where: Where; name: string } {
  return { where, name: where.join(" ") };
}

/** Where each answer's media types stand in the document. */
function mediaTypes(): string[][] {
  return placesOf(document).filter((where) => where.at(-2) === "content");
}

/** Where the schemas stand that have examples of their own, parameters among them. */
function schemasWithExamples(): string[][] {
  return placesOf(document).filter(
    (where) => Array.isArray(at(where)["examples"]) && at(where)["type"] !== undefined,
  );
}

/** Every object in a document, by the keys that lead to it. */
function placesOf(value: unknown, where: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  const below = Object.entries(value).flatMap(([key, one]) => placesOf(one, [...where, key]));
  return Array.isArray(value) ? below : [where, ...below];
}

it("no schema is left undescribed by an answer or another schema", () => {
  const text = JSON.stringify(document);
  for (const name of Object.keys(SCHEMAS)) {
    expect(text).toContain(`"#/components/schemas/${name}"`);
  }
});
