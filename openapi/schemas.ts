/**
 * The JSON Schemas of what the API answers; a trade's comes from its own validation schema.
 */

import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { ERRORS, type ErrorCode, ServiceError } from "../lib/errors.ts";
import { problemType, publicCode } from "../lib/http/problem.ts";
import { ExchangeCode, RecordedTrade, SymbolCode, TradeInput } from "../lib/trades/trade.ts";
import { withExactText } from "./exact-text.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The codes that callers can meet. */
export const PUBLIC_CODES = (Object.keys(ERRORS) as ErrorCode[]).filter(
  (code) => publicCode(new ServiceError(code, "")) === code,
);

/** A valibot schema in OpenAPI 3.1's dialect. What JSON Schema can't say is in its description. */
export function fromValibot(schema: GenericSchema): JsonSchema {
  const options = { target: "draft-2020-12", typeMode: "input", errorMode: "ignore" } as const;
  const { $schema: _, ...converted } = toJsonSchema(schema, options);
  return withExactText(converted);
}

/** A reference to one of `SCHEMAS`. */
export function ref(name: keyof typeof SCHEMAS): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

const decimal = (description: string, example: string) => ({
  type: "string",
  pattern: "^\\d{1,38}\\.\\d{8}$",
  description,
  examples: [example],
});

const time = (description: string) => ({
  type: "string",
  format: "date-time",
  pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$",
  description,
  examples: ["2021-01-08T00:00:00.278000Z"],
});

const count = (description: string, example: number) => ({
  type: "integer",
  minimum: 0,
  description,
  examples: [example],
});

/** `YYYY-MM-DD`. */
export const DAY = {
  type: "string",
  format: "date",
  pattern: "^\\d{4}-\\d\\d-\\d\\d$",
  description: "A UTC day.",
  examples: ["2021-01-08"],
} as const;

function object(properties: Readonly<Record<string, JsonSchema>>, optional: string[] = []) {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required };
}

function identity(field: "message_id" | "exchange" | "symbol" | "trade_id"): JsonSchema {
  return fromValibot(RecordedTrade.entries[field]);
}

export const SCHEMAS = {
  Trade: fromValibot(RecordedTrade),
  NewTrade: fromValibot(TradeInput),
  Published: object({
    count: count("Trades published.", 1),
    trades: {
      type: "array",
      items: object({
        message_id: identity("message_id"),
        exchange: identity("exchange"),
        symbol: identity("symbol"),
        trade_id: identity("trade_id"),
      }),
      description: "In the order they were sent.",
    },
  }),
  TradesPage: object({
    count: count("Trades on this page.", 1),
    trades: { type: "array", items: { $ref: "#/components/schemas/Trade" } },
    next_cursor: {
      type: ["string", "null"],
      description: "Sent as `cursor` it asks for the next, older page; null when there is none.",
      examples: [null],
    },
  }),
  Symbol: object({
    symbol: fromValibot(SymbolCode),
    exchanges: { type: "array", items: fromValibot(ExchangeCode), examples: [["BINANCE"]] },
    first_trade_time: time("Time of its first trade."),
    last_trade_time: time("Time of its last trade."),
    trade_count: count("Trades recorded.", 1000),
  }),
  SymbolsList: object({
    count: count("Symbols in the list.", 1),
    symbols: { type: "array", items: { $ref: "#/components/schemas/Symbol" } },
  }),
  DaySummary: object({
    symbol: fromValibot(SymbolCode),
    date: DAY,
    open: decimal("Price of the day's first trade.", "39432.48000000"),
    high: decimal("Highest price.", "41950.00000000"),
    low: decimal("Lowest price.", "36500.00000000"),
    close: decimal("Price of the day's last trade.", "40582.81000000"),
    volume: decimal("Sum of the quantities.", "139789.95749900"),
    vwap: decimal(
      "Volume-weighted average price: Σ price × quantity ÷ Σ quantity, rounded half to even.",
      "39517.15034871",
    ),
    trade_count: count("Trades of the day.", 3450721),
  }),
  Health: object({
    status: {
      enum: ["ok", "degraded", "unavailable"],
      description:
        "`degraded`: something failed that answers don't need; `unavailable`: DynamoDB failed.",
      examples: ["ok"],
    },
    checks: {
      type: "array",
      items: object({
        name: { type: "string", examples: ["dynamodb"] },
        status: { enum: ["ok", "failed"], examples: ["ok"] },
        latency_ms: { type: "number", minimum: 0, examples: [3.2] },
      }),
    },
  }),
  Index: object({
    service: { type: "string", examples: ["k2-trades"] },
    version: { type: "string", examples: ["dev"] },
    links: {
      type: "object",
      additionalProperties: { type: "string" },
      examples: [{ trades: "/trades?limit=10" }],
    },
  }),
  Problem: object(
    {
      type: {
        type: "string",
        format: "uri-reference",
        enum: PUBLIC_CODES.map(problemType),
        description: [
          "What kind of problem it is; stable, so branch on it.",
          ...PUBLIC_CODES.map((code) => {
            const { status, title } = ERRORS[code];
            return `- \`${problemType(code)}\` (${status}): ${title}.`;
          }),
        ].join("\n"),
      },
      title: { type: "string" },
      status: { type: "integer", minimum: 400, maximum: 599 },
      detail: { type: "string", description: "What was wrong this time." },
      instance: {
        type: "string",
        format: "uri",
        description: "`urn:correlation-id:` and the correlation id, which finds it in the log.",
      },
      errors: {
        type: "array",
        description: "Invalid input: everything that is wrong with it, each by itself.",
        items: object({
          pointer: {
            type: "string",
            description:
              "JSON Pointer into the body, or `/` and the name of a query or path parameter.",
          },
          detail: { type: "string", description: "What was expected there." },
        }),
      },
    },
    ["errors"],
  ),
} satisfies Record<string, JsonSchema>;

/** An example of a schema, made of the examples of its parts. */
export function exampleOf(schema: JsonSchema): unknown {
  const { $ref: reference, examples, type, items, properties } = schema;
  if (typeof reference === "string") return exampleOf(resolve(reference));
  if (Array.isArray(examples)) return examples[0];
  if (type === "array") return [exampleOf(items as JsonSchema)];
  const parts = Object.entries(properties as Readonly<Record<string, JsonSchema>>);
  return Object.fromEntries(parts.map(([name, part]) => [name, exampleOf(part)]));
}

function resolve(reference: string): JsonSchema {
  const name = reference.replace("#/components/schemas/", "");
  return (SCHEMAS as Readonly<Record<string, JsonSchema>>)[name] ?? {};
}
