/**
 * The OpenAPI 3.1 document of the API.
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */

import { PATHS } from "./paths.ts";
import { SCHEMAS } from "./schemas.ts";

const DESCRIPTION = `Market trades, newest first, with exact decimals: prices and quantities are strings, never floats.

**Errors** are problem details (RFC 9457): branch on \`type\`; \`errors\` names every bad parameter at once with what was expected.

**Correlation:** send \`x-correlation-id\` or get one; it is on every response and in every log line.

**Methods:** HEAD answers as GET without the body. OPTIONS answers with \`allow\` and, when origins are configured, with what CORS asks. Any other method is 405 with \`allow\`; an unknown path is 404. Both are problem details.`;

/** Builds the document. @param version of the API, as in package.json. */
export function describeApi(version: string): Readonly<Record<string, unknown>> {
  return {
    openapi: "3.1.1",
    info: {
      title: "k2-trades",
      version,
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "trades", description: "Trades and what they add up to." },
      { name: "operation", description: "The service itself." },
    ],
    paths: PATHS,
    components: {
      schemas: SCHEMAS,
      parameters: { CorrelationId: CORRELATION_ID },
      headers: HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

const CORRELATION_ID_SCHEMA = { type: "string", pattern: "^[A-Za-z0-9._:-]{1,128}$" };

const CORRELATION_ID = {
  name: "x-correlation-id",
  in: "header",
  description:
    "Names the request in logs. One that is not 1 to 128 of `A-Za-z0-9._:-` is replaced, not refused.",
  schema: { type: "string", examples: ["4f1c7a2e-9d0b-4c63-8a51-6f2f0d9a7b10"] },
};

const HEADERS = {
  CorrelationId: {
    description: "The request's correlation id, as given or made.",
    schema: CORRELATION_ID_SCHEMA,
  },
  RetryAfter: {
    description: "Seconds after which another try makes sense.",
    schema: { type: "integer", minimum: 0 },
  },
  WwwAuthenticate: {
    description: "`Bearer`, and why the token was refused.",
    schema: { type: "string" },
  },
};

const SECURITY_SCHEMES = {
  apiKey: {
    type: "apiKey",
    in: "header",
    name: "x-api-key",
    description: "Checked by API Gateway; the local stack asks for none.",
  },
  bearer: {
    type: "http",
    scheme: "bearer",
    description: "Asked for when `METRICS_SCRAPE_TOKEN` is configured.",
  },
};
