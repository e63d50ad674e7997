/**
 * What the text of one variable may be, and what becomes of it. Each schema's message is what was
 * expected; none repeats the text, since some are secrets.
 */

import * as v from "valibot";

/** A whole number in a range, written in decimal digits. */
export const numberIn = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.check(
      (text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max,
      `a whole number from ${min} to ${max}`,
    ),
    v.transform(Number),
  );

/** As `numberIn`; unset: the fallback. */
export const wholeNumber = (min: number, max: number, fallback: number) =>
  v.optional(numberIn(min, max), String(fallback));

/** One of these texts. */
export const oneOf = <const Text extends string>(...texts: readonly Text[]) =>
  v.picklist(texts, texts.join(", ").replace(/, (?=[^,]*$)/, " or "));

/** `true` or `false`; unset: false. */
export const flag = v.pipe(
  v.optional(v.picklist(["true", "false"], '"true" or "false"'), "false"),
  v.transform((text) => text === "true"),
);

/** Texts separated by commas; blanks around one and empty ones don't count. */
export const list = (item: v.GenericSchema<string, string>) =>
  v.pipe(
    v.string(),
    v.transform((text) =>
      text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
    ),
    v.array(item),
  );

/** A text of a form. */
export const matching = (form: RegExp, expected: string) =>
  v.pipe(v.string(), v.regex(form, expected));

/** A name of ours: 1 to 64 letters, digits, `_`, `.`, `-`. */
export const name = matching(/^[A-Za-z0-9_.-]{1,64}$/, "1 to 64 letters, digits, `_`, `.`, `-`");

/** A URL that can be called. */
export const httpUrl = v.pipe(
  v.string(),
  v.check((text) => URL.canParse(text) && /^https?:/.test(text), "an http:// or https:// URL"),
);
