/** A button for each route of the API, with the example that openapi.json has for it. */

export interface RoutesOptions {
  readonly list: HTMLElement;
  /** Says how a request ended. */
  readonly status: HTMLElement;
  /** Shows what was answered. */
  readonly body: HTMLElement;
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content?: Record<string, Media> };
}

interface Parameter {
  readonly in?: string;
  readonly name?: string;
  readonly example?: unknown;
  readonly schema?: { readonly examples?: readonly unknown[] };
}

interface Media {
  readonly example?: unknown;
  readonly examples?: Record<string, { readonly value?: unknown }>;
}

interface Try {
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly payload?: string;
}

const SHOWN_CHARACTERS = 4_000;
const TIMEOUT_MS = 30_000;

/** Fills the list. */
export async function offerRoutes(options: RoutesOptions): Promise<void> {
  const [api, symbols] = await Promise.all([getJson("/openapi.json"), getJson("/symbols")]);
  const newest = (
    symbols as { symbols?: { symbol: string; last_trade_time: string }[] } | undefined
  )?.symbols?.[0];
  const { paths = {} } = (api ?? {}) as { paths?: Record<string, Record<string, Operation>> };
  const tries = Object.entries(paths).flatMap(([template, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method === "get" || method === "post")
      .map(([method, operation]): Try => ({
        method: method.toUpperCase(),
        path: fill(template, operation, newest) + (method === "get" ? queryOf(template) : ""),
        summary: operation.summary ?? "",
        ...payloadOf(operation),
      })),
  );
  options.list.replaceChildren(...tries.map((one) => offer(one, options)));
}

async function getJson(path: string): Promise<unknown> {
  const answer = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return answer.ok ? answer.json() : undefined;
}

/** The newest symbol's day stands for the path's parameters, so that there is something to see. */
function fill(
  template: string,
  { parameters = [] }: Operation,
  newest?: { readonly symbol: string; readonly last_trade_time: string },
): string {
  const known: Record<string, string | undefined> = {
    symbol: newest?.symbol,
    date: newest?.last_trade_time.slice(0, 10),
  };
  return template.replaceAll(/\{(\w+)\}/g, (hole, name: string) => {
    const parameter = parameters.find((one) => one.name === name);
    const example = known[name] ?? parameter?.example ?? parameter?.schema?.examples?.[0];
    return typeof example === "string" ? encodeURIComponent(example) : hole;
  });
}

function queryOf(template: string): string {
  return template === "/trades" ? "?limit=10" : "";
}

function payloadOf({ requestBody }: Operation): { payload?: string } {
  const media = requestBody?.content?.["application/json"];
  const example = media?.example ?? Object.values(media?.examples ?? {})[0]?.value;
  return example === undefined ? {} : { payload: JSON.stringify(example) };
}

function offer(one: Try, options: RoutesOptions): HTMLElement {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.title = one.summary;
  button.textContent = `${one.method} ${one.path}`;
  button.addEventListener("click", () => void send(one, options));
  item.append(button);
  return item;
}

async function send(
  { method, path, payload }: Try,
  { status, body }: RoutesOptions,
): Promise<void> {
  const started = performance.now();
  try {
    const answer = await fetch(path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(payload === undefined
        ? {}
        : { body: payload, headers: { "content-type": "application/json" } }),
    });
    const text = await answer.text();
    const took = Math.round(performance.now() - started);
    status.textContent = `${method} ${path}: ${answer.status} in ${took} ms, ${text.length} characters`;
    body.textContent = pretty(text).slice(0, SHOWN_CHARACTERS);
    body.hidden = false;
  } catch (error) {
    status.textContent = `${method} ${path}: no answer (${String(error)})`;
    body.hidden = true;
  }
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
