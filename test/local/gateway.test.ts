import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createConnection, type AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
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
    response.setHeader("x-correlation-id", "abc-1");
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
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 .*"type":"\/problems\/payload-too-large"/s);
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

const bodyOf = async (answer: Response) => (await answer.json()) as Record<string, unknown>;

it("answers as API Gateway will when the functions are gone, or hang up", async () => {
  const functions = `http://127.0.0.1:${await freePort()}`;
  const gateway = await openGateway({ port: 0, functions, page: async () => undefined });
  onTestFinished(async () => gateway.close());
  const { url: hangingUp } = await open((request) => void request.socket.destroy());
  for (const url of [`http://127.0.0.1:${gateway.port}`, hangingUp]) {
    const answer = await fetch(`${url}/trades`);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    const id = answer.headers.get("x-correlation-id");
    expect(await bodyOf(answer)).toMatchObject({
      type: "/problems/unavailable",
      instance: `urn:correlation-id:${id}`,
    });
  }
});

it.each([
  ["//", 404],
  ["/trades//x", 404],
  ["/%", 400],
  ["/summary/%ff/2021-01-08", 400],
  ["*", 400],
])(
  "refuses the path %s, over which the emulator would fail, as a problem",
  async (path, status) => {
    const { port } = await open(echo);
    const socket = createConnection(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write(`OPTIONS ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} .*"status":${status},`, "s"));
  },
);

it.each([
  [400, 400, "invalid-request"],
  [404, 404, "not-found"],
  [502, 500, "internal"],
])(
  "answers as API Gateway will where the emulator answers %d itself",
  async (own, status, type) => {
    const { url } = await open((_, response) => {
      response.writeHead(own, { "content-type": "application/json" });
      response.end('{"error":"Bad Request"}');
    });
    const answer = await fetch(`${url}/trades`, { headers: { origin: "https://a.example" } });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(await bodyOf(answer)).toMatchObject({ type: `/problems/${type}`, status });
  },
);

describe("to a page of another origin", () => {
  /** What serverless-offline adds to an answer that lacks it. */
  const EMULATOR = {
    "access-control-allow-origin": "https://a.example",
    "access-control-allow-credentials": "true",
  };
  const OURS = {
    "access-control-allow-origin": "https://a.example",
    "access-control-expose-headers": "retry-after, x-correlation-id",
  };
  const headers = { origin: "https://a.example", "access-control-request-method": "GET" };

  async function ask(method: string, functionHeaders: Record<string, string>) {
    const { url } = await open((_, response) => {
      response.writeHead(200, { "x-correlation-id": "a", ...EMULATOR, ...functionHeaders });
      response.end();
    });
    const answer = await fetch(`${url}/trades`, { method, headers });
    const given = [...answer.headers].filter(([name]) => name.startsWith("access-control-"));
    return { status: answer.status, access: Object.fromEntries(given) };
  }

  it("gives the access that the functions give, and no other", async () => {
    expect(await ask("GET", {})).toEqual({ status: 200, access: {} });
    expect(await ask("GET", OURS)).toEqual({ status: 200, access: OURS });
  });

  it("answers a preflight as the functions do", async () => {
    const preflight = { allow: "GET, HEAD, OPTIONS", "access-control-allow-methods": "GET" };
    const { allow: _allow, ...methods } = preflight;
    expect(await ask("OPTIONS", { ...OURS, ...preflight })).toEqual({
      status: 204,
      access: { ...OURS, ...methods },
    });
    expect(await ask("OPTIONS", { "access-control-allow-methods": "GET" })).toEqual({
      status: 404,
      access: {},
    });
  });
});

it("does not open on a port that is in use", async () => {
  const { port } = await open(echo);
  const options = { port, functions: "http://127.0.0.1:1", page: async () => undefined };
  await expect(openGateway(options)).rejects.toThrow("EADDRINUSE");
});
