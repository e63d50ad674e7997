/**
 * The pages of the local stack: the dashboard, the API reference, and the numbers the dashboard reads.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { PROJECT } from "../folder.ts";
import type { Page } from "../gateway.ts";
import { renderReference, type ApiDocument } from "./reference.ts";

export interface PagesOptions {
  /** Base URL of the functions. */
  readonly functions: string;
  /** What `/metrics` asks for, if anything; it never reaches the browser. */
  readonly scrapeToken?: string;
  /** Base URL of the Prometheus that scrapes it, if one does. */
  readonly prometheus?: string;
}

const FOLDER = join(PROJECT, "local/pages");
const TIMEOUT_MS = 29_000;

/** Answers the page of a path; `undefined` when there is none. */
export function openPages(options: PagesOptions): (path: string) => Promise<Page | undefined> {
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    "/dashboard": async () => html(await readDashboard(options)),
    "/dashboard.js": once(() => bundle("dashboard/main.ts", "text/javascript")),
    "/dashboard.css": once(() => bundle("dashboard/style.css", "text/css")),
    "/dashboard/metrics": () => readMetrics(options),
    "/reference": async () => html(renderReference(await readApi())),
    "/reference.css": once(() => bundle("reference.css", "text/css")),
  };
  return async (path) => (Object.hasOwn(pages, path) ? pages[path]?.() : undefined);
}

function html(body: string): Page {
  return { contentType: "text/html; charset=utf-8", body };
}

/** Built when first asked for, so that a start does not wait for it. */
function once(make: () => Promise<Page>): () => Promise<Page> {
  let made: Promise<Page> | undefined;
  return () => (made ??= make());
}

async function bundle(entry: string, contentType: string): Promise<Page> {
  const { outputFiles } = await build({
    entryPoints: [join(FOLDER, entry)],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2024",
    nodePaths: [join(PROJECT, "node_modules")],
    logLevel: "silent",
  });
  return { contentType: `${contentType}; charset=utf-8`, body: outputFiles[0]?.text ?? "" };
}

async function readDashboard({ prometheus }: PagesOptions): Promise<string> {
  const text = await readFile(join(FOLDER, "dashboard/index.html"), "utf8");
  const link = prometheus === undefined ? "" : `<a href="${prometheus}/graph">Prometheus</a>`;
  return text.replace("<!-- prometheus -->", link);
}

async function readApi(): Promise<ApiDocument> {
  return JSON.parse(await readFile(join(PROJECT, "openapi.json"), "utf8")) as ApiDocument;
}

/** The page as Prometheus gets it, refusals too. @throws {Error} when the functions don't answer. */
async function readMetrics({ functions, scrapeToken }: PagesOptions): Promise<Page> {
  const answer = await fetch(`${functions}/metrics`, {
    headers: scrapeToken === undefined ? {} : { authorization: `Bearer ${scrapeToken}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const contentType = answer.headers.get("content-type") ?? "text/plain";
  return { status: answer.status, contentType, body: await answer.text() };
}
