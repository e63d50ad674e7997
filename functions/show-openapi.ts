/**
 * `GET /openapi.json`: the description of this API, with the address it was asked under.
 */

import { json } from "../lib/http/response.ts";
import { apiFunction } from "../lib/service.ts";
import document from "../openapi.json" with { type: "json" };

export const handler = await apiFunction("show-openapi", ({ basePath }) =>
  json(
    { ...document, servers: [{ url: basePath === "" ? "/" : basePath }] },
    { headers: { "cache-control": "public, max-age=300" } },
  ),
);
