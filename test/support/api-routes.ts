/**
 * Which function API Gateway would ask: the events of serverless.yml, matched as a REST API does. A
 * resource that has the method wins over one that has `ANY`, a literal segment over a parameter, that
 * over a greedy one; and a resource without the method leaves the request to a greedy one.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** One HTTP event of a function. */
export interface ApiRoute {
  /** A method, or `ANY`. */
  readonly method: string;
  /** The resource's template, such as `/summary/{symbol}/{date}`. */
  readonly template: string;
  /** The function's name in serverless.yml. */
  readonly name: string;
}

export interface MatchedRoute extends ApiRoute {
  /** As they stand in the path, percent-encoded. */
  readonly pathParameters: Readonly<Record<string, string>>;
}

interface Template {
  readonly functions: Readonly<
    Record<string, { readonly events: readonly { readonly http?: HttpEvent }[] }>
  >;
}

interface HttpEvent {
  readonly method: string;
  readonly path: string;
}

const SERVERLESS = join(import.meta.dirname, "../../serverless.yml");

/** Every HTTP event there is. */
export function readApiRoutes(): ApiRoute[] {
  const { functions } = parse(readFileSync(SERVERLESS, "utf8"), {
    logLevel: "error",
  }) as Template;
  return Object.entries(functions).flatMap(([name, { events }]) =>
    events.flatMap(({ http }) =>
      http === undefined ? [] : [{ method: http.method, template: http.path, name }],
    ),
  );
}

/** The route of a request; undefined where API Gateway itself would answer. */
export function matchRoute(
  routes: readonly ApiRoute[],
  method: string,
  path: string,
): MatchedRoute | undefined {
  const matches = routes.flatMap((route): (MatchedRoute & { rank: string })[] => {
    if (route.method !== method && route.method !== "ANY") return [];
    const pathParameters = matchTemplate(route.template, path);
    if (pathParameters === undefined) return [];
    return [{ ...route, pathParameters, rank: rankOf(route) }];
  });
  return matches.sort((a, b) => (a.rank < b.rank ? -1 : 1))[0];
}

function matchTemplate(template: string, path: string): Record<string, string> | undefined {
  const names = [...template.matchAll(/\{(\w+)\+?\}/g)].map(([, name = ""]) => name);
  const pattern = template
    .replaceAll(/[.]/g, "\\$&")
    .replaceAll(/\{\w+\+\}/g, "(.+)")
    .replaceAll(/\{\w+\}/g, "([^/]+)");
  const match = new RegExp(`^${pattern}$`, "s").exec(path);
  if (match === null) return undefined;
  return Object.fromEntries(names.map((name, i) => [name, match[i + 1] ?? ""]));
}

/** Sorts the more specific first: by its segments, then by its method. */
function rankOf({ method, template }: ApiRoute): string {
  const segments = template
    .split("/")
    .map((part) => (part.endsWith("+}") ? "2" : part.startsWith("{") ? "1" : "0"));
  return `${segments.join("")}${method === "ANY" ? "1" : "0"}`;
}
