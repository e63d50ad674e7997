/**
 * What is wrong with an input object, each field by itself, named by JSON Pointer.
 */

import * as v from "valibot";
import type { InputFault } from "../errors.ts";

const MAX_SHOWN_NAME_LENGTH = 64;

type ObjectSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;

/** Checks an object, with a fault for every unknown, missing or wrong field; never stops at the first. */
export function checkObject<S extends ObjectSchema>(
  schema: S,
  input: object,
):
  | { readonly output: v.InferOutput<S>; readonly faults: readonly [] }
  | { readonly output?: never; readonly faults: readonly InputFault[] } {
  const result = v.safeParse(schema, input, { abortPipeEarly: true });
  const faults = [...unknownFields(schema, input), ...(result.issues ?? []).flatMap(toFault)];
  return result.success && faults.length === 0 ? { output: result.output, faults: [] } : { faults };
}

/** JSON Pointer (RFC 6901) through these names, each cut to a length fit for an answer. */
export function pointerTo(...names: readonly string[]): string {
  return names
    .map((name) => name.slice(0, MAX_SHOWN_NAME_LENGTH).toWellFormed())
    .map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

/** The schema itself stops at the first unknown field, and does not see one named `__proto__`. */
function unknownFields(schema: ObjectSchema, input: object): InputFault[] {
  const known = Object.keys(schema.entries);
  return Object.keys(input)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      pointer: pointerTo(name),
      detail: `unknown; known are ${known.join(", ")}`,
    }));
}

function toFault(issue: v.BaseIssue<unknown>): InputFault[] {
  if (issue.type === "strict_object" && issue.expected === "never") return [];
  return [
    {
      pointer: pointerTo(...(issue.path ?? []).map((item) => String(item.key))),
      detail: issue.type === "strict_object" ? "required, but missing" : issue.message,
    },
  ];
}
