/**
 * The table as serverless.yml defines it, so that what runs here is what is deployed.
 */

import { readFile } from "node:fs/promises";
import type { CreateTableCommandInput } from "@aws-sdk/client-dynamodb";
import { parseDocument } from "yaml";

const TEMPLATE = new URL("../serverless.yml", import.meta.url);

/** What CreateTable takes; the rest (TTL, recovery, tags) belongs to CloudFormation. */
const PROPERTIES = [
  "TableName",
  "BillingMode",
  "AttributeDefinitions",
  "KeySchema",
  "GlobalSecondaryIndexes",
] as const;

/**
 * Reads the properties of the resource `TradesTable` as CreateTable's input.
 * @param stage stands for `${sls:stage}`.
 * @throws {Error} when the template has no such resource.
 */
export async function readTradesTable(stage: string): Promise<CreateTableCommandInput> {
  const template = parseTemplate(await readFile(TEMPLATE, "utf8"), stage);
  const parts = template.resources ?? [];
  const properties = parts.map((part) => part.Resources?.TradesTable?.Properties).find(Boolean);
  if (properties === undefined) throw new Error("serverless.yml: no resource TradesTable");
  return Object.fromEntries(
    PROPERTIES.map((name) => [name, properties[name]]),
  ) as unknown as CreateTableCommandInput;
}

interface Template {
  readonly service?: string;
  readonly resources?: readonly {
    readonly Resources?: {
      readonly TradesTable?: { readonly Properties?: Readonly<Record<string, unknown>> };
    };
  }[];
}

/** CloudFormation's short tags (`!Ref`, `!If`) are left as the plain values they stand before. */
function parseTemplate(text: string, stage: string): Template {
  const { service = "" } = toPlain(text);
  return toPlain(text.replaceAll("${self:service}", service).replaceAll("${sls:stage}", stage));
}

function toPlain(text: string): Template {
  return parseDocument(text, { logLevel: "error" }).toJS() as Template;
}
