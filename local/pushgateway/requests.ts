/**
 * What the embedded Pushgateway answers: reads, and changes of groups.
 */

import type { IncomingMessage } from "node:http";
import { posix } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { ServiceError } from "../../lib/errors.ts";
import type { LabelSet } from "../../lib/metrics/family.ts";
import type { Exposition } from "./exposition.ts";
import type { GroupStore } from "./group-store.ts";
import { parseGroupUrl } from "./group-url.ts";
import { toApiGroups } from "./json-api.ts";
import { joinFamilies } from "./page.ts";
import { parseExposition } from "./parse-exposition.ts";
import { printExposition } from "./print-exposition.ts";
import { printProtobuf } from "./print-protobuf.ts";

export interface Answer {
  readonly status: number;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AnswerOptions {
  readonly store: GroupStore;
  /** Pushes are checked, and answered with 200 or 400; else all well-formed ones with 202. */
  readonly isChecked: boolean;
  readonly startedAtMs: number;
}

const MAX_BODY_BYTES = 2 ** 26;
const EXPOSITION = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
const PROTOBUF = {
  "content-type":
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
};
const METHOD_NOT_ALLOWED: Answer = { status: 405, body: "Method Not Allowed\n" };

/**
 * Answers one request. A failed one is answered with a text that says why.
 * @throws {Error} when its body was cut: nothing was done then, and nobody is there to be answered.
 */
export async function answer(request: IncomingMessage, options: AnswerOptions): Promise<Answer> {
  const { method, url = "" } = request;
  const path = url.split("?")[0] ?? "";
  const clean = posix.normalize(path);
  if (clean !== path) return { status: 307, headers: { location: clean } };
  const read = reads(options, request.headers.accept)[path];
  if (read !== undefined) return method === "GET" ? read() : METHOD_NOT_ALLOWED;
  const group = parseGroupUrl(path);
  if (group === undefined) return { status: 404, body: "404 page not found\n" };
  if (method !== "PUT" && method !== "POST" && method !== "DELETE") return METHOD_NOT_ALLOWED;
  if ("problem" in group) return refuse(group.problem);
  if (method !== "DELETE") return push(request, group.key, options);
  options.store.remove(group.key);
  return { status: 202 };
}

function reads(
  { store, isChecked, startedAtMs }: AnswerOptions,
  accept: string | undefined,
): Readonly<Record<string, () => Answer>> {
  const ok = (): Answer => ({ status: 200, body: "OK" });
  return {
    "/-/ready": ok,
    "/-/healthy": ok,
    "/metrics": () => showPage(store, accept),
    "/api/v1/metrics": () => success(toApiGroups(store.groups())),
    "/api/v1/status": () =>
      success({
        build_information: { version: "embedded" },
        flags: { "push.disable-consistency-check": String(!isChecked) },
        start_time: new Date(startedAtMs).toISOString(),
      }),
  };
}

/** In protobuf if that is what is liked best; of all its encodings only the delimited one. */
function showPage(store: GroupStore, accept = ""): Answer {
  const page = joinFamilies(store.families());
  if ("problem" in page) {
    const body = `An error has occurred while serving metrics:\n\n${page.problem}\n`;
    return { status: 500, body };
  }
  const { families } = page;
  const isProtobuf = /^application\/vnd\.google\.protobuf\b[^,]*;\s*encoding=delimited\b/.test(
    accept,
  );
  return isProtobuf
    ? { status: 200, body: printProtobuf(families), headers: PROTOBUF }
    : { status: 200, body: printExposition(families), headers: EXPOSITION };
}

function success(data: unknown): Answer {
  const body = JSON.stringify({ status: "success", data });
  return { status: 200, body, headers: { "content-type": "application/json" } };
}

async function push(
  request: IncomingMessage,
  key: LabelSet,
  { store, isChecked }: AnswerOptions,
): Promise<Answer> {
  const raw = await readBody(request);
  if (raw === undefined) return { status: 413, body: `more than ${MAX_BODY_BYTES} bytes\n` };
  if (/^application\/vnd\.google\.protobuf\b/.test(request.headers["content-type"] ?? "")) {
    return { status: 415, body: "the embedded Pushgateway takes the text format only\n" };
  }
  let exposition: Exposition;
  try {
    exposition = parseExposition(await decode(raw, request.headers["content-encoding"]));
  } catch (error) {
    return refuse(error instanceof ServiceError ? error.detail : String(error));
  }
  const problem = store.push(key, exposition, request.method === "PUT" ? "group" : "families");
  if (!isChecked) return { status: 202 };
  if (problem === undefined) return { status: 200 };
  return refuse(`pushed metrics are invalid or inconsistent with existing metrics: ${problem}`);
}

function refuse(problem: string): Answer {
  return { status: 400, body: `${problem}\n` };
}

/** The whole body, or `undefined` when it is too large. @throws {Error} when it was cut. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function decode(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  if (encoding?.toLowerCase() !== "gzip") return body;
  return promisify(gunzip)(body, { maxOutputLength: MAX_BODY_BYTES });
}
