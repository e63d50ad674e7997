/**
 * `GET /`: where everything is.
 */

import { json } from "../lib/http/response.ts";
import { apiFunction, config } from "../lib/service.ts";

export const handler = await apiFunction("show-index", ({ basePath }) =>
  json({
    service: config.service,
    version: config.version,
    links: {
      trades: `${basePath}/trades?limit=10`,
      symbols: `${basePath}/symbols`,
      summary: `${basePath}/summary/{symbol}/{date}`,
      metrics: `${basePath}/metrics`,
      health: `${basePath}/health`,
      openapi: `${basePath}/openapi.json`,
    },
  }),
);
