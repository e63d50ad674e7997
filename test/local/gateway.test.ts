import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createConnection, type AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { openGateway, type GatewayOptions } from "../../local/gateway.ts";
import { freePort } from "../../local/ports.ts";

const MEBIBYTE = 1024 * 1024;

/** A gateway before functions that answer as told. */
async function open(
  functions: RequestListener,
  page: GatewayOptions["page"] = async () => undefined,
  options: Pick<GatewayOptions, "patience"> = {},
) {
  const server = createServer(functions).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const gateway = await openGateway({
    port: 0,
    functions: `http://127.0.0.1:${port}`,
    page,
    ...options,
  });
  onTestFinished(async () => gateway.close());
  return { url: `http://127.0.0.1:${gateway.port}`, port: gateway.port };
}

const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    response.statusCode = 202;
    response.setHeader(
      "x-seen",
      `${request.method} ${request.url} ${String(request.headers["x-mine"])}`,
    );
    response.end(Buffer.concat(chunks));
  });
};

it("hands a request on and the answer back as they are", async () => {
  const { url } = await open(echo);
  const answer = await fetch(`${url}/trades?symbol=BRK%2FB&limit=2`, {
    method: "POST",
    headers: { "x-mine": "kept" },
    body: "the body",
  });
  expect(answer.status).toBe(202);
  expect(answer.headers.get("x-seen")).toBe("POST /trades?symbol=BRK%2FB&limit=2 kept");
  expect(await answer.text()).toBe("the body");
});

it("serves a page of this machine without asking the functions, and only for reading", async () => {
  const { url } = await open(echo, async (path) =>
    path === "/dashboard" ? { contentType: "text/html", body: "<p>hello" } : undefined,
  );
  const page = await fetch(`${url}/dashboard?x=1`);
  expect([page.status, page.headers.get("content-type"), await page.text()]).toEqual([
    200,
    "text/html",
    "<p>hello",
  ]);
  expect((await fetch(`${url}/dashboard`, { method: "HEAD" })).headers.get("content-length")).toBe(
    "8",
  );
  expect((await fetch(`${url}/dashboard`, { method: "POST" })).status).toBe(202);
});

it.each([
  ["said to be", { "content-length": String(10 * MEBIBYTE + 1) }, undefined],
  ["found to be", {}, Buffer.alloc(10 * MEBIBYTE + 1)],
])("refuses a body %s longer than API Gateway takes", async (_how, headers, body) => {
  let asked = 0;
  const { port } = await open((request, response) => {
    asked += 1;
    echo(request, response);
  });
  const socket = createConnection(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const framing = body === undefined ? "" : "transfer-encoding: chunked\r\n";
  socket.on("error", () => {}); // It is closed on us while we still send.
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${lines.join("")}${framing}\r\n`);
  if (body !== undefined) {
    socket.write(`${body.length.toString(16)}\r\n`);
    socket.write(body);
  }
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 .*"message":"Request Too Long"/s);
  expect(asked).toBe(0);
});

it("takes a body of just the size", async () => {
  const { url } = await open(echo);
  const body = Buffer.alloc(10 * MEBIBYTE, "x");
  const answer = await fetch(url, { method: "POST", body });
  expect((await answer.arrayBuffer()).byteLength).toBe(body.length);
});

it.each([
  ["head", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "],
  ["body", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12"],
])(
  "lets 200 clients that never end their %s wait, answers others, and closes on them",
  async (_part, beginning) => {
    const { url, port } = await open(echo, undefined, {
      patience: { headMs: 1_000, requestMs: 2_000 },
    });
    const slow = Array.from({ length: 200 }, () => createConnection(port, "127.0.0.1"));
    onTestFinished(() => slow.forEach((socket) => socket.destroy()));
    const closings = slow.map((socket) => once(socket.on("error", () => {}).resume(), "close"));
    await Promise.all(slow.map(async (socket) => once(socket, "connect")));
    for (const socket of slow) socket.write(beginning);
    expect((await fetch(url)).status).toBe(202);
    await Promise.all(closings);
  },
);

it("answers 502 when the functions are gone", async () => {
  const functions = `http://127.0.0.1:${await freePort()}`;
  const gateway = await openGateway({ port: 0, functions, page: async () => undefined });
  onTestFinished(async () => gateway.close());
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/trades`);
  expect([answer.status, await answer.json()]).toEqual([502, { message: "Internal server error" }]);
});

it("answers 504 when the functions hang up", async () => {
  const { url } = await open((request) => void request.socket.destroy());
  expect((await fetch(`${url}/trades`)).status).toBe(504);
});

it("does not open on a port that is in use", async () => {
  const { port } = await open(echo);
  const options = { port, functions: "http://127.0.0.1:1", page: async () => undefined };
  await expect(openGateway(options)).rejects.toThrow("EADDRINUSE");
});
