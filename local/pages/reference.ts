/**
 * The API reference: openapi.json as a page to read, with no script. The renderers there are bring
 * telemetry or dozens of packages for what is one document.
 */

export interface ApiDocument {
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description?: string;
  };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly unknown[];
  readonly requestBody?: { readonly description?: string; readonly content?: Content };
  readonly responses?: Readonly<Record<string, Answer>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

interface Answer {
  readonly description?: string;
  readonly content?: Content;
}

type Content = Readonly<Record<string, Media>>;

interface Media {
  readonly schema?: unknown;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly items?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
  readonly examples?: readonly unknown[];
}

const METHODS = ["get", "head", "post", "put", "patch", "delete", "options"];

/** Makes the whole page. */
export function renderReference(api: ApiDocument): string {
  const { info, paths, components } = api;
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({ method, path, operation })),
  );
  const contents = routes.map(
    ({ method, path, operation }) =>
      `<li><a href="#${idOf(method, path)}"><code>${method.toUpperCase()} ${escape(path)}</code></a> ${escape(operation.summary ?? "")}</li>`,
  );
  const schemas = Object.entries(components["schemas"] ?? {});
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(info.title)}: API reference</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/reference.css">
</head>
<body>
<header><h1>${escape(info.title)} ${escape(info.version)}</h1>
<nav aria-label="Pages"><a href="/dashboard">Dashboard</a> <a href="/openapi.json">openapi.json</a></nav></header>
<main>
${paragraphs(info.description)}
<nav aria-label="Routes"><ul class="contents">${contents.join("")}</ul></nav>
${routes.map(({ method, path, operation }) => renderOperation(api, method, path, operation)).join("\n")}
<section aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>
${schemas.map(([name, schema]) => `<article><h3 id="schema-${escape(name)}">${escape(name)}</h3>${renderFields(schema as Schema)}</article>`).join("\n")}
</section>
</main>
</body>
</html>
`;
}

function renderOperation(api: ApiDocument, method: string, path: string, one: Operation): string {
  const id = idOf(method, path);
  const parameters = (one.parameters ?? []).map((each) => resolve(api, each) as Parameter);
  return `<article aria-labelledby="${id}">
<h2 id="${id}"><code>${method.toUpperCase()} ${escape(path)}</code></h2>
<p><strong>${escape(one.summary ?? "")}.</strong> ${prose(one.description)}</p>
${parameters.length === 0 ? "" : renderParameters(parameters)}
${one.requestBody === undefined ? "" : `<h3>Body</h3><p>${prose(one.requestBody.description)}</p>${renderContent(one.requestBody.content)}`}
<h3>Answers</h3>
${Object.entries(one.responses ?? {})
  .map(([status, answer]) => renderAnswer(status, resolve(api, answer) as Answer))
  .join("\n")}
</article>`;
}

function renderParameters(parameters: readonly Parameter[]): string {
  const rows = parameters.map(({ name, in: where, required, description, schema = {} }) =>
    row(name, `${where}${required === true ? ", required" : ""}`, description, schema),
  );
  return table("Parameter", rows);
}

function renderFields({ properties = {}, required = [] }: Schema): string {
  const rows = Object.entries(properties).map(([name, field]) => {
    const schema = field as Schema;
    return row(name, required.includes(name) ? "required" : "", schema.description, schema);
  });
  return rows.length === 0 ? "" : table("Field", rows);
}

function table(first: string, rows: readonly string[]): string {
  return `<div class="scroll"><table><thead><tr><th scope="col">${first}</th><th scope="col">Meaning</th><th scope="col">Expected</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function row(name: string, note: string, description: string | undefined, schema: Schema): string {
  return `<tr><th scope="row"><code>${escape(name)}</code> <small>${escape(note)}</small></th><td>${prose(description)}</td><td>${expected(schema)}</td></tr>`;
}

/** What a value has to be, in a line. */
function expected(schema: Schema): string {
  const { type = "", format, pattern, minimum, maximum, items } = schema;
  const kind = schema.enum === undefined ? [type].flat().join(" or ") : "";
  const parts = [
    escape(kind),
    format === undefined ? "" : escape(format),
    schema.enum === undefined ? "" : schema.enum.map((value) => code(String(value))).join(", "),
    minimum === undefined ? "" : `from ${minimum}`,
    maximum === undefined ? "" : `to ${maximum}`,
    pattern === undefined ? "" : code(pattern),
    items === undefined ? "" : referTo(items),
    schema.default === undefined ? "" : `default ${code(JSON.stringify(schema.default))}`,
    schema.examples?.[0] === undefined ? "" : `such as ${code(JSON.stringify(schema.examples[0]))}`,
  ];
  return parts.filter((part) => part !== "").join(" ") || referTo(schema);
}

function renderAnswer(status: string, { description, content }: Answer): string {
  return `<details${status.startsWith("2") ? " open" : ""}><summary><code>${escape(status)}</code> ${prose(description)}</summary>${renderContent(content)}</details>`;
}

function renderContent(content: Content = {}): string {
  return Object.entries(content)
    .map(([type, { schema, example, examples = {} }]) => {
      const values =
        example === undefined ? Object.values(examples).map(({ value }) => value) : [example];
      const shown = values
        .map((value) => `<pre tabindex="0">${escape(show(value))}</pre>`)
        .join("");
      return `<p><code>${escape(type)}</code> ${referTo(schema)}</p>${shown}`;
    })
    .join("");
}

/** A link to a named schema, if it is one. */
function referTo(schema: unknown): string {
  const reference = referenceOf(schema);
  const name = reference?.split("/").at(-1);
  return name === undefined ? "" : `<a href="#schema-${escape(name)}">${escape(name)}</a>`;
}

function resolve(api: ApiDocument, value: unknown): unknown {
  const [, group, name] = /^#\/components\/(\w+)\/(\w+)$/.exec(referenceOf(value) ?? "") ?? [];
  return group === undefined || name === undefined ? value : api.components[group]?.[name];
}

function referenceOf(value: unknown): string | undefined {
  const reference = (value as { $ref?: unknown } | undefined)?.$ref;
  return typeof reference === "string" ? reference : undefined;
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
}

function idOf(method: string, path: string): string {
  return `${method}-${path.replaceAll(/[^\w]+/g, "-").replaceAll(/^-|-$/g, "") || "index"}`;
}

/** Text with its `code` and **strong** parts marked. */
function prose(text = ""): string {
  return escape(text)
    .replaceAll(/`([^`]+)`/g, "<code>$1</code>")
    .replaceAll(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>");
}

function code(text: string): string {
  return `<code>${escape(text)}</code>`;
}

function paragraphs(text = ""): string {
  const parts = text.split(/\n{2,}/).map((part) => `<p>${prose(part)}</p>`);
  return parts.join("\n");
}

function escape(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return text.replaceAll(/[&<>"]/g, (character) => `&${names[character]};`);
}
