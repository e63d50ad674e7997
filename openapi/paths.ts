/**
 * What each route takes and answers, route by route.
 */

import type { Route, ROUTES } from "../lib/routes.ts";
import { MAX_TRADES } from "../lib/trades/parse-trades.ts";
import { ExchangeCode, SymbolCode } from "../lib/trades/trade.ts";
import { answer, FORBIDDEN, HEADERS, path, problems, query, type Responses } from "./responses.ts";
import { DAY, exampleOf, fromValibot, type JsonSchema, ref, SCHEMAS } from "./schemas.ts";

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly JsonSchema[];
  readonly requestBody?: JsonSchema;
  readonly responses: Responses;
}

/** Every method of every route, as the compiler sees to. */
type Paths = {
  [T in Route]: { [M in keyof (typeof ROUTES)[T] as Lowercase<M & string>]: Operation };
};

const CORRELATION_ID = { $ref: "#/components/parameters/CorrelationId" };
const API_KEY = [{ apiKey: [] }];

const TIME = {
  type: "string",
  format: "date-time",
  description: "ISO 8601 with a zone and up to six digits of a second.",
  examples: ["2021-01-08T00:00:00.278000Z"],
};

/** What has to be sent, and nothing more. */
const NEW_TRADE = Object.fromEntries(
  Object.entries(exampleOf(ref("NewTrade")) as Record<string, unknown>).filter(([name]) =>
    (SCHEMAS.NewTrade["required"] as readonly string[]).includes(name),
  ),
);

const NEWEST_FIRST = [
  "Newest first; trades of one microsecond in the exchange's own order, the last one first.",
  "Walking a range with `cursor` meets every trade exactly once, also while new ones arrive.",
].join(" ");

export const PATHS: Paths = {
  "/trades": {
    get: {
      operationId: "listTrades",
      summary: "Trades, newest first",
      description: `${NEWEST_FIRST} Without \`symbol\`: the most recent over all symbols.`,
      tags: ["trades"],
      security: API_KEY,
      parameters: [
        query("symbol", fromValibot(SymbolCode), "Only this symbol."),
        query("exchange", fromValibot(ExchangeCode), "Only this exchange."),
        query("start_time", TIME, "Trades at or after this time."),
        query("end_time", TIME, "Trades before this time."),
        query(
          "limit",
          { type: "integer", minimum: 1, maximum: 1000, default: 100 },
          "Trades on a page.",
        ),
        query(
          "cursor",
          { type: "string", minLength: 1, maxLength: 512 },
          "`next_cursor` of the page before, with the same filters.",
        ),
        CORRELATION_ID,
      ],
      responses: {
        ...answer("A page of trades.", "TradesPage"),
        ...problems("INVALID_REQUEST", "THROTTLED", "INTERNAL", "UNAVAILABLE"),
        ...FORBIDDEN,
      },
    },
    post: {
      operationId: "publishTrades",
      summary: "Publish a trade, or a list of them",
      description: `All of them or none: when one is not as expected, every fault of every trade is named and nothing is published. 202 says that Kafka has them all for good; they are served a moment later. After a 503 some may be published all the same: send the same request again, since a trade is stored once however often it comes. At most ${MAX_TRADES} trades and 1 MiB.`,
      tags: ["trades"],
      security: API_KEY,
      parameters: [CORRELATION_ID],
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: {
              oneOf: [
                ref("NewTrade"),
                { type: "array", items: ref("NewTrade"), minItems: 1, maxItems: MAX_TRADES },
              ],
            },
            examples: {
              "a trade": { value: NEW_TRADE },
              "a list of trades": { value: [NEW_TRADE] },
            },
          },
        },
      },
      responses: {
        ...answer("Published; what each is known by.", "Published", 202),
        ...problems(
          "INVALID_REQUEST",
          "PAYLOAD_TOO_LARGE",
          "UNSUPPORTED_MEDIA_TYPE",
          "INTERNAL",
          "UNAVAILABLE",
        ),
        ...FORBIDDEN,
      },
    },
  },
  "/symbols": {
    get: {
      operationId: "listSymbols",
      summary: "Every symbol traded",
      tags: ["trades"],
      security: API_KEY,
      parameters: [CORRELATION_ID],
      responses: {
        ...answer("All symbols, in alphabetical order.", "SymbolsList"),
        ...problems("THROTTLED", "INTERNAL", "UNAVAILABLE"),
        ...FORBIDDEN,
      },
    },
  },
  "/summary/{symbol}/{date}": {
    get: {
      operationId: "summarizeDay",
      summary: "A symbol's day",
      description:
        "Open, high, low, close, volume, VWAP and number of trades of one UTC day. A day that ended more than 48 hours ago may be cached for an hour (`cache-control: private, max-age=3600`).",
      tags: ["trades"],
      security: API_KEY,
      parameters: [
        path("symbol", fromValibot(SymbolCode), "The symbol; a `/` in it as `%2F`."),
        path("date", DAY, "The UTC day."),
        CORRELATION_ID,
      ],
      responses: {
        ...answer("The day's summary.", "DaySummary"),
        ...problems("INVALID_REQUEST", "NOT_FOUND", "THROTTLED", "INTERNAL", "UNAVAILABLE"),
        ...FORBIDDEN,
      },
    },
  },
  "/metrics": {
    get: {
      operationId: "scrapeMetrics",
      summary: "Metrics of all environments, for Prometheus",
      description:
        "Counters and histograms summed exactly over every execution environment. All of it or nothing: 503 when a Pushgateway can't be read in full. OpenMetrics when `accept` asks for it.",
      tags: ["operation"],
      security: [{ bearer: [] }],
      parameters: [
        {
          name: "x-prometheus-scrape-timeout-seconds",
          in: "header",
          description: "How long the scraper waits; bounds the time the answer takes.",
          schema: { type: "number", exclusiveMinimum: 0, examples: [10] },
        },
        CORRELATION_ID,
      ],
      responses: {
        200: {
          description: "The aggregated page.",
          headers: HEADERS,
          content: {
            "text/plain; version=0.0.4; charset=utf-8": { schema: { type: "string" } },
            "application/openmetrics-text; version=1.0.0; charset=utf-8": {
              schema: { type: "string" },
            },
          },
        },
        ...problems("UNAUTHORIZED", "INTERNAL", "UNAVAILABLE", "READ_FAILED"),
      },
    },
  },
  "/health": {
    get: {
      operationId: "checkHealth",
      summary: "What can be reached, and how fast",
      description:
        "DynamoDB, each Pushgateway and, when configured, Kafka. Only DynamoDB is vital: without a Pushgateway or Kafka the status is `degraded` and the answer still 200.",
      tags: ["operation"],
      parameters: [CORRELATION_ID],
      responses: {
        ...answer("Requests can be answered.", "Health"),
        ...problems("INTERNAL"),
        503: {
          description: "DynamoDB can't be reached; the answer is of the same form.",
          headers: HEADERS,
          content: { "application/json": { schema: ref("Health") } },
        },
      },
    },
  },
  "/": {
    get: {
      operationId: "showIndex",
      summary: "Where everything is",
      tags: ["operation"],
      parameters: [CORRELATION_ID],
      responses: { ...answer("Links.", "Index"), ...problems("INTERNAL") },
    },
  },
  "/openapi.json": {
    get: {
      operationId: "showOpenapi",
      summary: "This document",
      tags: ["operation"],
      parameters: [CORRELATION_ID],
      responses: {
        200: {
          description: "An OpenAPI 3.1 document.",
          headers: HEADERS,
          content: { "application/json": { schema: { type: "object" } } },
        },
        ...problems("INTERNAL"),
      },
    },
  },
};
