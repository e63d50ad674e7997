/**
 * What a text has to be beside matching its pattern, in words of JSON Schema, where the validation
 * says it in code: a time is one of the calendar, an amount is more than zero.
 */

import { DECIMAL_PATTERN } from "../lib/trades/decimal.ts";
import { TIMESTAMP_PATTERN } from "../lib/trades/timestamp.ts";
import type { JsonSchema } from "./schemas.ts";

const DAY_PATTERN = "^\\d{4}-\\d\\d-\\d\\d$";

/** By pattern, what is added to every schema that has it. */
const EXACT: Readonly<Record<string, JsonSchema>> = {
  [TIMESTAMP_PATTERN.source]: { format: "date-time" },
  [DAY_PATTERN]: { format: "date" },
  [DECIMAL_PATTERN.source]: { not: { pattern: "^[0.]*$" } },
};

/** Adds it to a schema and all its parts. */
export function withExactText(schema: JsonSchema): JsonSchema {
  const parts = Object.entries(schema).map(([key, part]) => [key, withinPart(part)]);
  return { ...Object.fromEntries(parts), ...EXACT[String(schema["pattern"])] };
}

function withinPart(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withinPart);
  return typeof part === "object" && part !== null ? withExactText(part as JsonSchema) : part;
}
