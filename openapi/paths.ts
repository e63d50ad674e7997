/**
 * What each route takes and answers, route by route.
 */

import {
  CONTENT_TYPES,
  type ExpositionFormat,
  formatPage,
} from "../lib/metrics/page/exposition.ts";
import type { MetricFamily } from "../lib/metrics/family.ts";
import type { Route, ROUTES } from "../lib/routes.ts";
import { MAX_TRADES } from "../lib/trades/parse-trades.ts";
import { SummaryParameters } from "../lib/trades/summary-query.ts";
import { TradesParameters } from "../lib/trades/trades-query.ts";
import { pathParameters, queryParameters } from "./parameters.ts";
import { answer, HEADERS, orElse, problem, problems, type Responses } from "./responses.ts";
import { exampleOf, type JsonSchema, ref, SCHEMAS } from "./schemas.ts";

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

/** What any route may answer. */
const ANYWHERE = ["THROTTLED", "INTERNAL"] as const;
/** What API Gateway answers for a key that is missing, wrong or used up. */
const WITH_KEY = ["FORBIDDEN", "QUOTA_EXCEEDED"] as const;

const WITHOUT_DYNAMODB = {
  status: "unavailable",
  checks: [
    { name: "dynamodb", status: "failed", latency_ms: 2000.3 },
    { name: "pushgateway", status: "ok", latency_ms: 0.9 },
  ],
};

/** What has to be sent, and nothing more. */
const NEW_TRADE = Object.fromEntries(
  Object.entries(exampleOf(ref("NewTrade")) as Record<string, unknown>).filter(([name]) =>
    (SCHEMAS.NewTrade["required"] as readonly string[]).includes(name),
  ),
);

const PAGE_EXAMPLE: readonly MetricFamily[] = [
  {
    name: "kafka_messages_consumed_total",
    help: "Kafka records processed.",
    type: "counter",
    samples: [
      { labels: { environment: "prod", service: "k2-trades", topic: "trades" }, value: 42 },
    ],
  },
];

function pageExample(format: ExpositionFormat): string {
  return formatPage(PAGE_EXAMPLE, format);
}

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
      parameters: [...queryParameters(TradesParameters), CORRELATION_ID],
      responses: {
        ...answer("A page of trades.", "TradesPage"),
        ...problems("INVALID_REQUEST", "UNAVAILABLE", ...ANYWHERE, ...WITH_KEY),
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
          "UNAVAILABLE",
          ...ANYWHERE,
          ...WITH_KEY,
        ),
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
        ...problems("UNAVAILABLE", ...ANYWHERE, ...WITH_KEY),
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
      parameters: [...pathParameters(SummaryParameters), CORRELATION_ID],
      responses: {
        ...answer("The day's summary.", "DaySummary"),
        ...problems("INVALID_REQUEST", "NOT_FOUND", "UNAVAILABLE", ...ANYWHERE, ...WITH_KEY),
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
          description:
            "Seconds that the scraper waits; bounds the time the answer takes. Anything that is no number says nothing.",
          schema: { type: "string", examples: ["10"] },
        },
        CORRELATION_ID,
      ],
      responses: {
        200: {
          description: "The aggregated page.",
          headers: HEADERS,
          content: {
            [CONTENT_TYPES.text]: { schema: { type: "string" }, example: pageExample("text") },
            [CONTENT_TYPES.openmetrics]: {
              schema: { type: "string" },
              example: pageExample("openmetrics"),
            },
          },
        },
        ...problems("UNAUTHORIZED", "UNAVAILABLE", "READ_FAILED", "PAGE_TOO_LARGE", ...ANYWHERE),
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
        ...problems(...ANYWHERE),
        503: orElse(problem("UNAVAILABLE"), {
          description: "DynamoDB can't be reached: the checks as JSON.",
          content: { "application/json": { schema: ref("Health"), example: WITHOUT_DYNAMODB } },
        }),
      },
    },
  },
  "/": {
    get: {
      operationId: "showIndex",
      summary: "Where everything is",
      tags: ["operation"],
      parameters: [CORRELATION_ID],
      responses: { ...answer("Links.", "Index"), ...problems("UNAVAILABLE", ...ANYWHERE) },
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
          content: {
            "application/json": { schema: { type: "object" }, example: { openapi: "3.1.1" } },
          },
        },
        ...problems("UNAVAILABLE", ...ANYWHERE),
      },
    },
  },
};
