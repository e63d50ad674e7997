/**
 * The parameters of a route, from the very schema that checks them.
 */

import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { withExactText } from "./exact-text.ts";
import type { JsonSchema } from "./schemas.ts";

type ParametersSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;

/** Each entry of the schema as a query parameter. */
export function queryParameters(schema: ParametersSchema): JsonSchema[] {
  return parameters(schema, "query");
}

/** Each entry of the schema as a path parameter. */
export function pathParameters(schema: ParametersSchema): JsonSchema[] {
  return parameters(schema, "path");
}

function parameters(schema: ParametersSchema, place: "query" | "path"): JsonSchema[] {
  return Object.entries(schema.entries).map(([name, entry]) => {
    const { description, schema: value } = convert(entry);
    const isRequired = !v.safeParse(entry, undefined).success;
    return {
      name,
      in: place,
      ...(isRequired ? { required: true } : {}),
      description,
      schema: value,
    };
  });
}

/**
 * Converts to what a value is after it was read: `limit` is a whole number, which OpenAPI's clients
 * write into a URL as just those digits.
 */
function convert(entry: v.GenericSchema): { description: unknown; schema: JsonSchema } {
  const options = { target: "draft-2020-12", typeMode: "output", errorMode: "ignore" } as const;
  const { $schema: _, description, default: text, ...schema } = toJsonSchema(entry, options);
  const value = v.safeParse(entry, undefined);
  return {
    description,
    schema: withExactText({ ...schema, ...(text === undefined ? {} : { default: value.output }) }),
  };
}
