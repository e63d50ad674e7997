import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { flag, httpUrl, list, matching, name, wholeNumber } from "../../lib/config/values.ts";

describe("the values of variables", () => {
  it.each([
    ["a number", wholeNumber(0, 10, 4), "07", 7],
    ["a number that is not given", wholeNumber(0, 10, 4), undefined, 4],
    ["a flag", flag, "true", true],
    ["a flag that is not given", flag, undefined, false],
    ["a list", list(v.string()), " a, b ,,c ", ["a", "b", "c"]],
    ["a name", name, "k2-trades", "k2-trades"],
    ["a URL", httpUrl, "https://one:9091", "https://one:9091"],
  ] as const)("take %s", (_kind, schema, text, expected) => {
    expect(v.parse(schema, text)).toEqual(expected);
  });

  it.each([
    [wholeNumber(1, 10, 4), "0", "a whole number from 1 to 10"],
    [wholeNumber(1, 10, 4), "11", "a whole number from 1 to 10"],
    [wholeNumber(1, 10, 4), "1e1", "a whole number from 1 to 10"],
    [wholeNumber(1, 10, 4), "1.5", "a whole number from 1 to 10"],
    [wholeNumber(1, 10, 4), " 1", "a whole number from 1 to 10"],
    [flag, "yes", '"true" or "false"'],
    [name, "a b", "1 to 64 letters, digits, `_`, `.`, `-`"],
    [list(matching(/^a$/, "only a")), "a,b", "only a"],
    [httpUrl, "ftp://x", "an http:// or https:// URL"],
    [httpUrl, "localhost:8000", "an http:// or https:// URL"],
  ] as const)("refuse what is none: %#", (schema, text, expected) => {
    const { issues = [] } = v.safeParse(schema, text);
    expect(issues.map(({ message }) => message)).toEqual([expected]);
  });
});
