import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import tls from "node:tls";
import { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { LabelSet } from "../../../lib/metrics/family.ts";
import type { PushClientOptions } from "../../../lib/metrics/push/push-client.ts";
import { openPushgateway } from "../../../lib/metrics/read/pushgateway.ts";
import { startPushgateway } from "../../../local/pushgateway/server.ts";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../../support/faulty-proxy.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const KEY = { job: "x", instance: "a" };
const PATH = "/metrics/job/x/instance/a";
const BODY = "# TYPE a_total counter\na_total 1\n";
/** The embedded one says this of a body with a timestamp. */
const WITH_TIMESTAMP = "a_total 1 1000\n";

/** A client, closed after the test, with time for a busy machine. */
function open(options: PushClientOptions) {
  const pushgateway = openPushgateway({ timeoutMs: 30_000, ...options });
  onTestFinished(() => pushgateway.close());
  return pushgateway;
}

/** The embedded Pushgateway behind a proxy, and a client of it. */
async function openBehindProxy(options: Partial<PushClientOptions> = {}) {
  const target = await startPushgateway({ port: 0 });
  onTestFinished(target.close);
  const proxy = await startFaultyProxy({ target: target.url });
  onTestFinished(proxy.close);
  const pushgateway = open({ url: proxy.url, ...options });
  return { pushgateway, proxy, target: open({ url: target.url }) };
}

/** What the Pushgateway holds of our one counter. */
async function storedValues(pushgateway: ReturnType<typeof open>): Promise<number[]> {
  const values: number[] = [];
  for await (const { families } of (await pushgateway.readGroups("x")).groups) {
    for (const family of families) {
      if (family.type !== "histogram") values.push(...family.samples.map(({ value }) => value));
    }
  }
  return values;
}

/** A server of the test's own, and its URL. */
async function serve(listener: RequestListener): Promise<string> {
  return listen(createServer(listener), "http");
}

async function listen(server: Server, scheme: string): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const refused = (detail: unknown, status?: number) => ({
  outcome: "refused",
  detail,
  ...(status === undefined ? {} : { status }),
});
const unanswered = (detail: unknown) => ({ outcome: "unanswered", detail });
const pushTo = (url: string, what: string) => `push to ${url}${PATH}: ${what}, expected 2xx`;

afterEach(() => void vi.restoreAllMocks());

describe("a push", () => {
  it("is acknowledged when it is applied", async () => {
    const { pushgateway, proxy } = await openBehindProxy();
    expect(await pushgateway.put(KEY, BODY)).toEqual({ outcome: "acknowledged" });
    expect(await storedValues(pushgateway)).toEqual([1]);
    expect(proxy.requests[0]).toMatchObject({ method: "PUT", path: PATH, body: Buffer.from(BODY) });
    expect(proxy.requests[0]?.headers).toMatchObject({
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
      "content-length": String(BODY.length),
    });
    expect(proxy.requests[0]?.headers).not.toHaveProperty("content-encoding");
  });

  it("replaces the group when it is put, its families when it is posted", async () => {
    const { pushgateway } = await openBehindProxy();
    await pushgateway.put(KEY, "# TYPE a gauge\na 1\n# TYPE b gauge\nb 2\n");
    await pushgateway.post(KEY, "# TYPE b gauge\nb 3\n");
    expect(await storedValues(pushgateway)).toEqual([1, 3]);
    await pushgateway.put(KEY, "# TYPE b gauge\nb 4\n");
    expect(await storedValues(pushgateway)).toEqual([4]);
  });

  it("goes gzipped when it is large, and arrives whole", async () => {
    const { pushgateway, proxy } = await openBehindProxy();
    const lines = Array.from({ length: 2_000 }, (_, i) => `a_total{series="${i}"} ${i}\n`);
    const body = `# TYPE a_total counter\n${lines.join("")}`;
    expect(await pushgateway.put(KEY, body)).toEqual({ outcome: "acknowledged" });
    const [request] = proxy.requests;
    expect(request?.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(request?.body ?? "").toString()).toBe(body);
    expect(request?.body.length).toBeLessThan(body.length / 4);
    expect(await storedValues(pushgateway)).toHaveLength(2_000);
  });

  it("keeps the path before the Pushgateway's own", async () => {
    const paths: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      paths.push(request.url);
      response.end();
    });
    const pushgateway = open({ url: `${url}/behind/` });
    expect(pushgateway.url).toBe(`${url}/behind`);
    await pushgateway.put(KEY, BODY);
    expect(paths).toEqual([`/behind${PATH}`]);
  });

  it.each<[string, LabelSet]>([
    ["no job", { instance: "a" }],
    ["a label name that is none", { job: "x", "a-b": "c" }],
  ])("with %s is refused, not thrown", async (_, key) => {
    const pushgateway = open({ url: "http://127.0.0.1:9" });
    const outcome = refused(expect.stringContaining("push to http://127.0.0.1:9: INVALID_METRIC"));
    expect(await pushgateway.put(key, BODY)).toEqual(outcome);
  });
});

describe("a push the server answered otherwise", () => {
  it.each([301, 302, 307, 401, 403, 404, 408, 413, 429, 500, 501, 503])(
    "with %i is refused",
    async (status) => {
      const { pushgateway, proxy, target } = await openBehindProxy();
      const elsewhere = { location: `${target.url}${PATH}` };
      proxy.inject({ type: "status", status, body: "busy\n\tnow ", headers: elsewhere });
      const detail = pushTo(proxy.url, `status ${status} (busy now)`);
      expect(await pushgateway.put(KEY, BODY)).toEqual(refused(detail, status));
      expect(proxy.requests).toHaveLength(1);
      expect(await storedValues(target)).toEqual([]);
    },
  );

  it("with 400 is refused with the Pushgateway's reason", async () => {
    const { pushgateway, proxy } = await openBehindProxy();
    const reason = "pushed metrics are invalid or inconsistent with existing metrics";
    const detail = `${reason}: pushed metrics must not have timestamps`;
    const outcome = refused(pushTo(proxy.url, `status 400 (${detail})`), 400);
    expect(await pushgateway.put(KEY, WITH_TIMESTAMP)).toEqual(outcome);
  });

  it.each([502, 504])(
    "with %i is unanswered: a proxy lost the Pushgateway's answer",
    async (status) => {
      const { pushgateway, proxy } = await openBehindProxy();
      proxy.inject({ type: "status", status });
      expect(await pushgateway.put(KEY, BODY)).toEqual(
        unanswered(pushTo(proxy.url, `status ${status}`)),
      );
    },
  );

  it("repeats no more than 200 characters of the answer", async () => {
    const { pushgateway, proxy } = await openBehindProxy();
    proxy.inject({ type: "status", status: 503, body: "x".repeat(100_000) });
    const detail = pushTo(proxy.url, `status 503 (${"x".repeat(200)})`);
    expect(await pushgateway.put(KEY, BODY)).toEqual(refused(detail, 503));
  });
});

describe("a push that nobody answered", () => {
  it.each<[string, Fault, number[]]>([
    ["reset before it was applied", { type: "reset-before" }, []],
    ["reset after it was applied", { type: "reset-after" }, [1]],
    ["reset and applied late", { type: "reset-and-apply-late", delayMs: 100 }, [1]],
    ["whose answer's head was cut", { type: "cut-answer" }, [1]],
    ["whose answer was cut to nothing", { type: "cut-answer", part: 0 }, [1]],
  ])("%s is unanswered, and not sent again", async (_, fault, stored) => {
    const { pushgateway, proxy, target } = await openBehindProxy();
    proxy.inject(fault);
    const detail = expect.stringMatching(`^push to ${proxy.url}${PATH}: .+, expected 2xx$`);
    expect(await pushgateway.put(KEY, BODY)).toEqual(unanswered(detail));
    await proxy.settled();
    expect(proxy.requests).toHaveLength(1);
    expect(await storedValues(target)).toEqual(stored);
  });

  it.each<[string, Fault]>([
    ["before", { type: "delay-before", delayMs: 300 }],
    ["after", { type: "delay-after", delayMs: 300 }],
  ])("in time is unanswered, though it may be applied %s", async (_, fault) => {
    const { pushgateway, proxy, target } = await openBehindProxy();
    await pushgateway.put(KEY, "# TYPE a_total counter\na_total 0\n"); // The socket is used again.
    proxy.inject(fault);
    const outcome = unanswered(pushTo(proxy.url, "no answer within 50 ms"));
    expect(await pushgateway.put(KEY, BODY, { timeoutMs: 50 })).toEqual(outcome);
    await proxy.settled();
    expect(proxy.requests).toHaveLength(2);
    expect(await storedValues(target)).toEqual([1]);
  });

  it("is over at its deadline, even if the answer drips in", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-length": 1_000_000 });
      const timer = setInterval(() => response.write("x"), 10);
      response.on("close", () => clearInterval(timer));
    });
    const outcome = unanswered(pushTo(url, "status 200, then no answer within 2000 ms"));
    expect(await open({ url, timeoutMs: 2_000 }).put(KEY, BODY)).toEqual(outcome);
  });

  it.each([
    [200, unanswered(expect.stringContaining("status 200, then aborted (ECONNRESET)"))],
    [500, refused(expect.stringContaining("status 500, then aborted (ECONNRESET)"), 500)],
  ])("in full: a cut answer of status %i", async (status, outcome) => {
    const url = await serve((_, response) => {
      response.writeHead(status, { "content-length": 100 }).write("begun");
      setImmediate(() => response.destroy());
    });
    expect(await open({ url }).put(KEY, BODY)).toEqual(outcome);
  });

  it("but with something that is not HTTP is unanswered", async () => {
    const url = await listen(
      createTcpServer((socket) => void socket.once("data", () => socket.end("SSH-2.0\r\n"))),
      "http",
    );
    expect(await open({ url }).put(KEY, BODY)).toEqual(unanswered(expect.any(String)));
  });

  it("but with a change of protocol is unanswered", async () => {
    const upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    const url = await listen(
      createTcpServer((socket) => void socket.once("data", () => socket.write(upgrade))),
      "http",
    );
    expect(await open({ url }).put(KEY, BODY)).toEqual(unanswered(expect.any(String)));
  });
});

describe("a push that can't have arrived is refused", () => {
  it("when the connection is refused", async () => {
    const { pushgateway, proxy } = await openBehindProxy();
    await proxy.refuseConnections();
    const port = new URL(proxy.url).port;
    const detail = pushTo(proxy.url, `connect ECONNREFUSED 127.0.0.1:${port}`);
    expect(await pushgateway.put(KEY, BODY)).toEqual(refused(detail));
  });

  it("when every address of a name refuses", async () => {
    const pushgateway = open({ url: "http://localhost:9" });
    const outcome = await pushgateway.put(KEY, BODY);
    expect(outcome).toEqual(refused(expect.stringContaining("connect ECONNREFUSED 127.0.0.1:9")));
  });

  it("when the host has no address", async () => {
    const pushgateway = open({ url: "http://pushgateway.invalid" });
    const outcome = await pushgateway.put(KEY, BODY, { timeoutMs: 20_000 });
    expect(outcome).toEqual(refused(expect.stringMatching(/ENOTFOUND|EAI_AGAIN/)));
  });

  it("when connecting takes until the deadline", async () => {
    const url = await listen(createTcpServer(), "https"); // It never answers the TLS greeting.
    const outcome = refused(pushTo(url, "no answer within 100 ms"));
    expect(await open({ url, timeoutMs: 100 }).put(KEY, BODY)).toEqual(outcome);
  });

  it("when the server speaks no TLS", async () => {
    const url = (await serve((_, response) => void response.end())).replace("http:", "https:");
    const outcome = await open({ url }).put(KEY, BODY);
    expect(outcome).toEqual(refused(expect.stringContaining("wrong version number")));
  });

  it("when the caller gave up before", async () => {
    const { pushgateway, proxy } = await openBehindProxy();
    const outcome = await pushgateway.put(KEY, BODY, { signal: AbortSignal.abort() });
    expect(outcome).toEqual(refused(pushTo(proxy.url, "the caller gave up")));
    expect(proxy.requests).toEqual([]);
  });

  it("when the client is closed", async () => {
    const { pushgateway, proxy } = await openBehindProxy();
    pushgateway.close();
    const outcome = refused(pushTo(proxy.url, "this client is closed"));
    expect(await pushgateway.put(KEY, BODY)).toEqual(outcome);
  });

  it("when all sockets were in use until the deadline", async () => {
    const { pushgateway, proxy } = await openBehindProxy();
    const slow: Fault = { type: "delay-before", delayMs: 60_000 };
    proxy.inject(...Array.from({ length: 16 }, () => slow));
    for (let i = 0; i < 16; i += 1) void pushgateway.put(KEY, BODY, { timeoutMs: 60_000 });
    await vi.waitUntil(() => proxy.requests.length === 16, { timeout: 30_000 });
    const outcome = await pushgateway.put(KEY, BODY, { timeoutMs: 50 });
    expect(outcome).toEqual(refused(pushTo(proxy.url, "no answer within 50 ms")));
    expect(proxy.requests).toHaveLength(16);
  });
});

describe("a caller that gives up", () => {
  it("leaves the push unanswered once it is on its way", async () => {
    const giveUp = new AbortController();
    const url = await serve(() => giveUp.abort());
    const outcome = await open({ url }).put(KEY, BODY, { signal: giveUp.signal });
    expect(outcome).toEqual(unanswered(pushTo(url, "the caller gave up")));
  });

  /** A client whose one socket was opened for a push that was given up before it had connected. */
  async function openGivenUp(listener: RequestListener) {
    const server = createServer(listener);
    const pushgateway = open({ url: await listen(server, "http") });
    const connected = once(server, "connection");
    await pushgateway.put(KEY, BODY, { signal: AbortSignal.abort() });
    await connected;
    await new Promise((resolve) => setImmediate(resolve)); // Now at this end too.
    return pushgateway;
  }

  it("leaves the next one unanswered too, on the socket that the first had opened", async () => {
    const giveUp = new AbortController();
    const pushgateway = await openGivenUp(() => giveUp.abort());
    const outcome = await pushgateway.put(KEY, BODY, { signal: giveUp.signal });
    expect(outcome).toEqual(unanswered(expect.stringContaining("the caller gave up")));
  });

  it("leaves no listeners behind on the socket that it had opened", async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => void warnings.push(warning);
    process.on("warning", warn);
    onTestFinished(() => void process.off("warning", warn));
    const pushgateway = await openGivenUp((_, response) => void response.end());
    for (let i = 0; i < 20; i += 1) await pushgateway.put(KEY, BODY);
    expect(warnings).toEqual([]);
  });

  it("by closing the client leaves it unanswered too, and nothing is sent again", async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests += 1;
      if (requests === 1) response.end();
      else pushgateway.close();
    });
    const pushgateway = open({ url });
    await pushgateway.put(KEY, BODY); // A reset of a socket used before would be tried again.
    const outcome = await pushgateway.put(KEY, BODY);
    expect(outcome).toEqual(unanswered(expect.stringContaining(PATH)));
    expect(requests).toBe(2);
  });
});

describe("a socket that was used before", () => {
  /** Behind a proxy whose connection 1 has answered one push. */
  async function openUsed() {
    const parts = await openBehindProxy();
    await parts.pushgateway.put(KEY, "# TYPE a_total counter\na_total 0\n");
    return parts;
  }
  const connectionsOf = (proxy: FaultyProxy) => proxy.requests.map(({ connection }) => connection);

  it("is used again", async () => {
    const { pushgateway, proxy } = await openUsed();
    expect(await pushgateway.put(KEY, BODY)).toEqual({ outcome: "acknowledged" });
    expect(connectionsOf(proxy)).toEqual([1, 1]);
  });

  it.each<[string, Fault]>([
    ["before", { type: "reset-before" }],
    ["after", { type: "reset-after" }],
  ])("and is reset %s the push was applied: it is sent once more, afresh", async (_, fault) => {
    const { pushgateway, proxy, target } = await openUsed();
    proxy.inject(fault);
    const outcome = { outcome: "acknowledged", isAfterReset: true };
    expect(await pushgateway.put(KEY, BODY)).toEqual(outcome);
    expect(connectionsOf(proxy)).toEqual([1, 1, 2]);
    expect(proxy.requests[2]?.body).toEqual(proxy.requests[1]?.body);
    expect(await storedValues(target)).toEqual([1]);
  });

  it("was closed by the server while it was idle: the push arrives all the same", async () => {
    const { pushgateway, proxy } = await openUsed();
    await proxy.refuseConnections();
    await proxy.acceptConnections();
    expect(await pushgateway.put(KEY, BODY)).toMatchObject({ outcome: "acknowledged" });
  });

  it("and is reset twice leaves the push unanswered: nothing is sent a third time", async () => {
    const { pushgateway, proxy } = await openUsed();
    proxy.inject({ type: "reset-before" }, { type: "reset-before" });
    expect(await pushgateway.put(KEY, BODY)).toEqual(unanswered(expect.stringContaining(PATH)));
    expect(proxy.requests).toHaveLength(3);
  });

  it("and is reset: only the Pushgateway's own word on the payload settles it", async () => {
    const { pushgateway, proxy } = await openUsed();
    proxy.inject({ type: "reset-after" }, { type: "status", status: 503 });
    const outcome = unanswered(pushTo(proxy.url, "status 503"));
    expect(await pushgateway.put(KEY, BODY)).toEqual(outcome);
    proxy.inject({ type: "none" }, { type: "reset-before" });
    await pushgateway.put(KEY, BODY);
    const settled = await pushgateway.put(KEY, WITH_TIMESTAMP);
    expect(settled).toMatchObject({ outcome: "refused", status: 400 });
  });

  it("and is reset by a server that goes away leaves the push unanswered", async () => {
    const { pushgateway, proxy } = await openUsed();
    proxy.inject({ type: "delay-before", delayMs: 60_000 });
    const outcome = pushgateway.put(KEY, BODY);
    await vi.waitUntil(() => proxy.requests.length === 2, { timeout: 30_000 });
    await proxy.refuseConnections();
    expect(await outcome).toEqual(unanswered(expect.stringContaining("ECONNREFUSED")));
  });

  it.each([
    ["less than 4 s ago is used again", 3_900, [1, 1]],
    ["4 s ago is not, since the server may be closing it", 4_000, [1, 2]],
  ])("%s", async (_, idleMs, connections) => {
    const { pushgateway, proxy } = await openUsed();
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + idleMs);
    await pushgateway.put(KEY, BODY);
    expect(connectionsOf(proxy)).toEqual(connections);
  });

  it("does not keep a process alive", async () => {
    const { proxy } = await openBehindProxy();
    const module = new URL("../../../lib/metrics/read/pushgateway.ts", import.meta.url).href;
    const script = `
      const { openPushgateway } = await import(${JSON.stringify(module)});
      const pushgateway = openPushgateway({ url: ${JSON.stringify(proxy.url)}, timeoutMs: 60_000 });
      console.log((await pushgateway.put({ job: "x" }, "a 1\\n")).outcome);`;
    const run = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
    expect((await run).stdout).toBe("acknowledged\n");
  });
});

describe("a process that was frozen past its deadline", () => {
  /** A server that runs while this thread stands still, and tells who asks how many pushes it took. */
  async function startServer() {
    const worker = new Worker(
      `const { parentPort } = require("node:worker_threads");
       let pushes = 0;
       const server = require("node:http").createServer((request, response) => {
         if (request.method === "PUT") pushes += 1;
         request.resume().on("end", () => response.end(String(pushes)));
       }).listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
      { eval: true },
    );
    onTestFinished(async () => void (await worker.terminate()));
    const [port] = (await once(worker, "message")) as [number];
    const url = `http://127.0.0.1:${port}`;
    return { url, pushes: async () => await (await fetch(url)).text() };
  }

  /** Lets what was just begun leave this thread, and stops the thread. */
  async function freeze(ms: number) {
    await new Promise((turn) => process.nextTick(turn));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  }

  it("takes in what has arrived meanwhile", async () => {
    const pushgateway = open({ url: (await startServer()).url, timeoutMs: 200 });
    // So that the next one leaves in this very turn.
    await pushgateway.put(KEY, BODY, { timeoutMs: 30_000 });
    const outcome = pushgateway.put(KEY, BODY);
    await freeze(2_000);
    expect(await outcome).toEqual({ outcome: "acknowledged" });
  });

  it("while it connected sends nothing any more: its lease may be over", async () => {
    const server = await startServer();
    const pushgateway = open({ url: server.url, timeoutMs: 200 });
    const outcome = pushgateway.put(KEY, BODY);
    await freeze(600);
    expect(await outcome).toMatchObject({ outcome: "unanswered" });
    expect(await server.pushes()).toBe("0");
  });
});

describe("over TLS", () => {
  const hasOpenssl = (() => {
    try {
      return execFileSync("openssl", ["version"]).length > 0;
    } catch {
      return false;
    }
  })();

  it.skipIf(!hasOpenssl)(
    "pushes, keeps its socket, and refuses a stranger's certificate",
    async () => {
      const folder = tempFolder();
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
      const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
      execFileSync("openssl", [...request, "-nodes", "-keyout", key, "-out", cert, ...names], {
        stdio: "ignore",
      });
      const sockets = new Set<unknown>();
      const pem = readFileSync(cert, "utf8");
      const server = createTlsServer(
        { key: readFileSync(key), cert: pem },
        (incoming, response) => {
          sockets.add(incoming.socket);
          incoming.resume().on("end", () => response.end());
        },
      );
      const port = new URL(await listen(server, "https")).port;
      const stranger = open({ url: `https://localhost:${port}` });
      const outcome = refused(expect.stringContaining("self-signed certificate"));
      expect(await stranger.put(KEY, BODY)).toEqual(outcome);
      expect(sockets.size).toBe(0);

      const trusted = tls.getCACertificates("default");
      tls.setDefaultCACertificates([...trusted, pem]);
      onTestFinished(() => tls.setDefaultCACertificates(trusted));
      const pushgateway = open({ url: `https://localhost:${port}` });
      expect(await pushgateway.put(KEY, BODY)).toEqual({ outcome: "acknowledged" });
      expect(await pushgateway.put(KEY, BODY)).toEqual({ outcome: "acknowledged" });
      expect(sockets.size).toBe(1);
    },
  );
});

describe("credentials", () => {
  const basic = `Basic ${Buffer.from("al:p@ss:w/rd").toString("base64")}`;

  it.each<[string, (url: string) => PushClientOptions, string | undefined]>([
    ["none", (url) => ({ url }), undefined],
    ["in the URL", (url) => ({ url: withUserinfo(url, "al:p%40ss%3Aw%2Frd") }), basic],
    ["as options", (url) => ({ url, username: "al", password: "p@ss:w/rd" }), basic],
    [
      "as options, before those in the URL",
      (url) => ({ url: withUserinfo(url, "other:one"), username: "al", password: "p@ss:w/rd" }),
      basic,
    ],
    ["as a token", (url) => ({ url, token: "t0k.en~=" }), "Bearer t0k.en~="],
  ])("%s", async (_, optionsFor, authorization) => {
    const seen: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end();
    });
    const pushgateway = open(optionsFor(url));
    expect(pushgateway.url).toBe(url);
    await pushgateway.put(KEY, BODY);
    expect(seen).toEqual([authorization]);
  });

  it.each<[string, (url: string) => PushClientOptions]>([
    ["a password", (url) => ({ url: withUserinfo(url, "al:secret%2Fword") })],
    ["a token", (url) => ({ url, token: "secret/word" })],
  ])("%s never shows, even when a server repeats it", async (_, optionsFor) => {
    const url = await serve((request, response) => {
      const { authorization = "" } = request.headers;
      const all = `${authorization} ${authorization.split(" ")[1]} secret/word secret%2Fword`;
      response.writeHead(403).end(all);
    });
    const pushgateway = open(optionsFor(url));
    const secrets = /secret.{0,3}word|c2Vjcm|OnNlY|ZWNyZX/;
    const outcomes = [await pushgateway.put(KEY, BODY), await pushgateway.post(KEY, BODY)];
    const error: unknown = await pushgateway.readGroups("x").catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "READ_FAILED" });
    const texts = [...outcomes, error].map((one) => `${String(one)} ${JSON.stringify(one)}`);
    expect(texts.filter((text) => secrets.test(text))).toEqual([]);
    expect(texts.every((text) => text.includes("***"))).toBe(true);
  });

  it.each<[string, PushClientOptions]>([
    ["another scheme", { url: "ftp://al:hidden@host" }],
    ["no URL", { url: "al:hidden@host:9091" }],
    ["a query", { url: "http://al:hidden@host/?a=b" }],
    ["a fragment", { url: "http://al:hidden@host/#a" }],
    ["a broken escape", { url: "http://al:hidden%zz@host/" }],
    ["both kinds of credentials", { url: "http://al:hidden@host", token: "hidden" }],
    ["a token of two lines", { url: "http://host", token: "hidden\r\nx-other: 1" }],
  ])("are not told by the error for %s", (_, options) => {
    const open = () => openPushgateway(options);
    expect(open).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
    expect(open).not.toThrow(/hidden/);
  });
});

describe("remove", () => {
  it("deletes a group, also one that is not there", async () => {
    const { pushgateway } = await openBehindProxy();
    await pushgateway.put(KEY, BODY);
    expect(await pushgateway.remove(KEY)).toBe(true);
    expect(await storedValues(pushgateway)).toEqual([]);
    expect(await pushgateway.remove(KEY)).toBe(true);
  });

  it.each<[string, Fault]>([
    ["refused", { type: "status", status: 503 }],
    ["not answered", { type: "reset-before" }],
  ])("says when it was %s", async (_, fault) => {
    const { pushgateway, proxy } = await openBehindProxy();
    proxy.inject(fault);
    expect(await pushgateway.remove(KEY)).toBe(false);
  });
});

function withUserinfo(url: string, userinfo: string): string {
  return url.replace("//", `//${userinfo}@`);
}
