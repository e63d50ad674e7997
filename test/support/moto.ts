/**
 * moto's server: AWS's control planes in memory, on loopback. Requests are not signed; the credential
 * scope alone says which service they are for.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, LOOPBACK, untilAnswering } from "../../local/ports.ts";
import { MOTO_SERVER, PYTHON } from "./python-tools.ts";

const START_TIMEOUT_MS = 60_000;

export interface Moto {
  readonly url: string;
  /** Calls an action of a query API; its answer is XML. */
  query(service: string, parameters: Readonly<Record<string, string>>): Promise<string>;
  /** Calls an action of a JSON API, such as `DynamoDB_20120810.DescribeTable`. */
  json<Answer>(service: string, target: string, input: object): Promise<Answer>;
  /** GETs from a REST API whose answers are XML. */
  text(service: string, path: string): Promise<string>;
  /** GETs from a REST API whose answers are JSON. */
  get<Answer>(service: string, path: string): Promise<Answer>;
  close(): Promise<void>;
}

/** Starts one with nothing in it. */
export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "k2-moto-"));
  const child = spawn(PYTHON, [MOTO_SERVER, "-H", LOOPBACK, "-p", String(port)], {
    // It writes files of its own where it runs.
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  child.stderr.pipe(createWriteStream(join(folder, "moto.log")));
  const ended = new AbortController();
  child.once("exit", (code) => ended.abort(new Error(`moto ended with ${code}`)));
  process.once("exit", () => child.kill("SIGKILL"));
  await untilAnswering(port, { timeoutMs: START_TIMEOUT_MS, signal: ended.signal });
  const url = `http://${LOOPBACK}:${port}`;
  return {
    url,
    query: (service, parameters) =>
      call(url, service, { method: "POST", body: new URLSearchParams(parameters) }),
    json: async (service, target, input) =>
      JSON.parse(
        await call(url, service, {
          method: "POST",
          headers: { "x-amz-target": target, "content-type": "application/x-amz-json-1.1" },
          body: JSON.stringify(input),
        }),
      ),
    text: (service, path) => call(`${url}${path}`, service, {}),
    get: async (service, path) => JSON.parse(await call(`${url}${path}`, service, {})),
    close: async () => {
      const exit = ended.signal.aborted ? undefined : once(child, "exit");
      child.kill("SIGTERM");
      await exit;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @throws {Error} with the answer's text unless its status is 200. */
async function call(url: string, service: string, request: RequestInit): Promise<string> {
  const scope = `test/20260101/us-east-1/${service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none`;
  const response = await fetch(url, {
    ...request,
    headers: { ...(request.headers as Record<string, string>), authorization },
  });
  const text = await response.text();
  if (response.status === 200) return text;
  throw new Error(`${service}: ${response.status} ${text}`);
}
