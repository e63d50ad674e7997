import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { Worker } from "node:worker_threads";
import { expect, it, onTestFinished } from "vitest";
import { openPushgateway } from "../../../lib/metrics/read/pushgateway.ts";
import { sendNow } from "../../../lib/metrics/flush/send-now.ts";

const LONG_MS = 20_000;

/** Answers with the status in the path: 0 cuts the connection, -1 never answers. */
const SERVER = `
  const { createServer } = require("node:http");
  const { parentPort } = require("node:worker_threads");
  const server = createServer((request, response) => {
    const status = Number(request.url.slice(1));
    request.resume().on("end", () => {
      if (status > 0) response.writeHead(status).end("x");
      else if (status === 0) request.socket.destroy();
    });
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`;

/** A server in a thread of its own, since this one stands still. */
async function startServer(): Promise<string> {
  const worker = new Worker(SERVER, { eval: true });
  onTestFinished(async () => void (await worker.terminate()));
  const [port] = (await once(worker, "message")) as [number];
  return `http://127.0.0.1:${port}`;
}

const put = (url: string) => ({ method: "PUT", url, headers: {}, body: Buffer.from("x") });

it("tells the status of each request, and 0 for one that was cut", async () => {
  const url = await startServer();
  const requests = ["/200", "/0", "/400", "/202"].map((path) => put(url + path));
  expect(sendNow(requests, LONG_MS)).toEqual([200, 0, 400, 202]);
});

it("answers 0 where nobody listens, whatever the scheme", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await server[Symbol.asyncDispose]();
  const urls = [`http://127.0.0.1:${port}/`, `https://127.0.0.1:${port}/`];
  expect(sendNow(urls.map(put), LONG_MS)).toEqual([0, 0]);
});

it("waits as long as it is told for a server that never answers", async () => {
  const url = await startServer();
  const startedMs = performance.now();
  expect(sendNow([put(`${url}/-1`)], 200)).toEqual([0]);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(199);
});

it.each([
  { what: "a small body", lines: 1 },
  { what: "a body worth compressing", lines: 1_000 },
])("is told to send what a push would have sent: $what", async ({ lines }) => {
  const seen: Record<string, unknown>[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const { method, url, headers } = request;
    const { authorization, "content-type": type, "content-encoding": encoding } = headers;
    seen.push({ method, url, authorization, type, encoding, body: await buffer(request) });
    response.writeHead(202).end();
  };
  const server = createServer((...exchange) => void take(...exchange)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const target = openPushgateway({ url: `http://user:secret@127.0.0.1:${port}/prefix/` });
  const key = { job: "j", component: "a/b", environment: "" };
  const text = "a_total 1\n".repeat(lines * 2);

  await target.put(key, text, { timeoutMs: 10_000 });
  const { method, url, headers, body } = target.toRequest("put", key, text);
  await fetch(url, { method, headers: headers as Record<string, string>, body: Buffer.from(body) });

  expect(seen).toHaveLength(2);
  expect(seen[1]).toEqual(seen[0]);
  target.close();
  await server[Symbol.asyncDispose]();
});
