/**
 * The process's environment variables, and the one reader of `process.env`.
 */

/** Names and texts, as an environment has them; an empty text counts as unset. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** This process's own. */
export function processVariables(): Variables {
  return process.env;
}
