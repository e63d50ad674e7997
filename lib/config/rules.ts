/**
 * What must hold between variables that only make sense together.
 */

import * as v from "valibot";

/** A rule that is broken: the variable to change, and what it should be. */
export interface BrokenRule<Name extends string> {
  readonly variable: Name;
  readonly expected: string;
}

/**
 * Checks the variables of a part against each other, once each is good by itself.
 * @param check gives every rule that is broken.
 */
export function rules<Variables extends Record<string, unknown>>(
  check: (variables: Variables) => readonly BrokenRule<keyof Variables & string>[],
) {
  return v.rawCheck<Variables>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const input = dataset.value;
    for (const { variable, expected: message } of check(input))
      addIssue({
        message,
        path: [{ type: "object", origin: "value", input, key: variable, value: input[variable] }],
      });
  });
}
