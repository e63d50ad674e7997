/** CloudFormation's YAML, with its short forms (`!Ref`, `!GetAtt`, `!Sub`, …), as JSON. */

import { readFileSync } from "node:fs";
import { parse, type CollectionTag, type ScalarTag } from "yaml";
import type { Template } from "./template.ts";

const FUNCTIONS = ["Base64", "Equals", "GetAtt", "GetAZs", "If", "Join", "Not", "Select"].concat([
  "Split",
  "Sub",
  "And",
  "Or",
]);

/** Reads a template file. */
export function readTemplate(path: string): Template {
  const customTags = [
    ...FUNCTIONS.flatMap((name) => shortForms(`!${name}`, `Fn::${name}`)),
    ...shortForms("!Ref", "Ref"),
  ];
  return parse(readFileSync(path, "utf8"), { customTags }) as Template;
}

function shortForms(tag: string, key: string): (ScalarTag | CollectionTag)[] {
  return [
    {
      tag,
      resolve: (text: string) => ({
        [key]: key === "Fn::GetAtt" ? text.split(".") : text,
      }),
    },
    {
      tag,
      collection: "seq",
      // The parts are read by then, each with its own tag.
      resolve: (list) =>
        Object.assign(list, {
          toJSON: (_: unknown, context: any) => ({
            [key]: list.items.map((item: any) => item.toJS?.(context.doc) ?? item),
          }),
        }),
    },
  ];
}
