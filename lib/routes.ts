/**
 * The routes of the API: one table that the functions, the OpenAPI document, `serverless.yml` and
 * the metric labels agree on.
 */

/** Each template, with the function that answers each method; HEAD goes where GET goes. */
export const ROUTES = {
  "/": { GET: "show-index" },
  "/trades": { GET: "list-trades", POST: "publish-trades" },
  "/symbols": { GET: "list-symbols" },
  "/summary/{symbol}/{date}": { GET: "summarize-day" },
  "/metrics": { GET: "scrape-metrics" },
  "/health": { GET: "check-health" },
  "/openapi.json": { GET: "show-openapi" },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export type Route = keyof typeof ROUTES;

/** Every template there is. */
export const TEMPLATES = Object.keys(ROUTES) as Route[];

/** Every method a template answers, as `Allow` lists them; none when it is not one of ours. */
export function allowedMethods(template: string): string[] {
  if (!Object.hasOwn(ROUTES, template)) return [];
  const own = Object.keys(ROUTES[template as Route]);
  return [...own.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : method)), "OPTIONS"];
}

/** The method and template of each route a function answers. */
export function routesOf(functionName: string): { method: string; template: Route }[] {
  return TEMPLATES.flatMap((template) =>
    Object.entries(ROUTES[template])
      .filter(([, name]) => name === functionName)
      .map(([method]) => ({ method, template })),
  );
}
