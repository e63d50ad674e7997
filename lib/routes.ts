/**
 * The routes of the API: one table that the functions, the OpenAPI document, `serverless.yml` and
 * the metric labels agree on.
 */

/** Each template with the methods it has of its own; HEAD goes with GET, OPTIONS with all. */
export const ROUTES = {
  "/": ["GET"],
  "/trades": ["GET"],
  "/symbols": ["GET"],
  "/summary/{symbol}/{date}": ["GET"],
  "/metrics": ["GET"],
  "/health": ["GET"],
  "/openapi.json": ["GET"],
} as const satisfies Record<string, readonly string[]>;

export type Route = keyof typeof ROUTES;

/** Whether a template is one of ours. */
export function isRoute(template: string): template is Route {
  return Object.hasOwn(ROUTES, template);
}

/** Every method a route answers, as `Allow` lists them. */
export function allowedMethods(route: Route): string[] {
  return [...ROUTES[route].flatMap((method) => [method, "HEAD"]), "OPTIONS"];
}
